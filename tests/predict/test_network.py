"""A finished run as a library: the stored exits again, image by image."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.base.folders import METHODS, Folders
from pipeline.base.yaml_file import read_mapping
from pipeline.data.prepared import load_prepared
from pipeline.inference.exits_file import exits_path, load_exits
from pipeline.predict.run import Run
from pipeline.training.stored import load_outputs
from tools.imports import ROOT


@pytest.fixture(scope="module")
def test_images(finished_run):
    return load_prepared(Folders(finished_run).prepared, "test").images


@pytest.fixture(scope="module")
def network(finished_run):
    return Run(finished_run).network()


def paths_of(images, folder: Path) -> list[Path]:
    paths = [folder / f"{number:03}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image[0]).save(path)
    return paths


def same(answer, other):
    for name in ("prediction", "class_name", "exit_block", "confidence", "macs", "operations_share"):
        assert np.array_equal(getattr(answer, name), getattr(other, name)), name
    assert np.array_equal(answer.hard_probability, other.hard_probability, equal_nan=True)


@pytest.mark.parametrize("method", METHODS)
def test_test_images_give_the_stored_exits(method, finished_run, test_images):
    folders = Folders(finished_run)
    answer = Run(finished_run).network(method).predict(test_images)
    assert len(answer) == len(test_images) == 60
    if method == "end_to_end":
        outputs = load_outputs(folders.block("b3", method), "test")
        assert answer.prediction.tolist() == outputs.classes[outputs.logits.argmax(1)].tolist()
        assert set(answer.exit_block) == {3}
        assert np.allclose(answer.operations_share, 1)
    else:
        exits = load_exits(exits_path(folders, method, "test"))
        assert answer.prediction.tolist() == exits["prediction"].tolist()
        assert answer.exit_block.tolist() == exits["exit_block"].tolist()
        assert set(answer.exit_block) == {1, 2, 3}
    assert answer.class_name.tolist() == [str(c) for c in answer.prediction]
    assert ((answer.confidence > 0) & (answer.confidence <= 1)).all()


def test_what_an_answer_costs_is_what_accounting_counts(finished_run, test_images):
    for method in ("bloctrain", "bloctrain_base"):
        answer = Run(finished_run).network(method).predict(test_images)
        table = (finished_run / "runs/accounting/inference.csv").read_text().splitlines()
        (row,) = [dict(zip(table[0].split(","), line.split(","), strict=True)) for line in table if line.startswith(method + ",")]
        assert answer.macs.mean() == pytest.approx(float(row["macs_per_image"]))
        assert 1 / answer.operations_share.mean() == pytest.approx(float(row["compute_efficiency"]))


def test_the_detector_speaks_from_the_second_block_on(network, test_images):
    answer = network.predict(test_images)
    assert np.array_equal(np.isnan(answer.hard_probability), answer.exit_block == 1)


def test_paths_pictures_and_arrays_get_the_same_answer(network, test_images, tmp_path):
    few = test_images[:7]
    wanted, paths = network.predict(few), paths_of(few, tmp_path)
    for images in (paths, tmp_path, [str(path) for path in paths], [Image.open(path) for path in paths], list(few)):
        same(network.predict(images), wanted)


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_does_not_depend_on_company(method, finished_run, test_images):
    network = Run(finished_run).network(method)
    everyone = network.predict(test_images)
    for rows in (np.array([4]), np.array([9, 3, 9]), np.arange(60)[::-1].copy(), np.arange(17, 60)):
        some = network.predict(test_images[rows], rows=rows)
        assert some.prediction.tolist() == everyone.prediction[rows].tolist()
        assert some.exit_block.tolist() == everyone.exit_block[rows].tolist()
        assert np.array_equal(some.confidence, everyone.confidence[rows])


def test_rows_name_the_noise(network, test_images):
    once = network.predict(test_images)
    assert not np.array_equal(network.predict(test_images, rows=np.arange(60) + 60).confidence, once.confidence)
    same(network.predict(test_images), once)


@pytest.mark.parametrize("rows", [[0, 1], [0, -1, 2], [[0, 1, 2]], 5, [0.7, 1, 2], ["a", "b", "c"]])
def test_rows_that_do_not_fit_are_one_line(rows, network, test_images, refusal):
    assert refusal(network.predict, test_images[:3], rows=np.array(rows)).startswith("rows: ")


def test_thresholds_one_for_all_and_one_per_block(finished_run, network, test_images):
    assert set(network.predict(test_images, theta_conf=0.0).exit_block) == {1}
    one = network.predict(test_images, theta_conf=1.0)
    assert not (one.exit_block == 1).any()
    same(one, network.predict(test_images, theta_conf=[1.0, 1.0, 1.0]))
    same(one, Run(finished_run).network(theta_conf=1.0).predict(test_images))
    second = network.predict(test_images, theta_conf=[1, 0, 1])
    assert set(second.exit_block) == {2}
    own = read_mapping(finished_run / "params.yaml")["inference"]["theta_conf"]
    same(network.predict(test_images), network.predict(test_images, theta_conf=own))


@pytest.mark.parametrize("theta_conf", [1.5, -0.1, [0.5], [0.5, 0.5], [0.5, 0.5, 2.0], float("nan"), [0.5] * 4])
def test_thresholds_that_do_not_fit_are_one_line(theta_conf, finished_run, network, test_images, refusal):
    assert refusal(network.predict, test_images, theta_conf=theta_conf).startswith("theta_conf: ")
    assert refusal(Run(finished_run).network, theta_conf=theta_conf).startswith("theta_conf: ")


def test_a_network_that_was_cut_short_takes_the_thresholds_of_its_blocks(finished_run, tmp_path, test_images):
    """A list in params.yaml has a value per block, also where BlocTrain stopped before the last."""
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    path = folder / "runs/b1/next.json"
    path.write_text(json.dumps({"build": False, "reason": "enough", "classes": [], "hard": None}))
    (folder / "runs/b2/next.json").write_text(path.read_text())
    network = Run(folder).network()
    assert len(network.blocks) == len(network.theta_conf) == 1
    assert set(network.predict(test_images).exit_block) == {1}


def test_images_that_cannot_be_taken_are_one_line(network, tmp_path, refusal):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (9, 9)).save(tmp_path / "large.png")
    assert "text.png: not a readable image" in refusal(network.predict, tmp_path / "text.png")
    assert "names nothing that exists" in refusal(network.predict, tmp_path / "absent.png")
    assert "9x9 pixels" in refusal(network.predict, tmp_path / "large.png")
    assert "float64" in refusal(network.predict, np.zeros((1, 1, 8, 8)))
    assert len(network.predict(tmp_path / "large.png", resize=True)) == 1


def test_an_unknown_network_is_one_line(finished_run, refusal):
    line = refusal(Run(finished_run).network, "resnet")
    assert line == "network 'resnet': must be one of bloctrain, bloctrain_base, end_to_end"


def test_a_folder_that_is_no_run_is_one_line(tmp_path, refusal):
    assert refusal(Run(tmp_path).network).startswith(f"{tmp_path}: holds no params.yaml, so it is no run")
    assert "holds no params.yaml" in refusal(Run(tmp_path / "absent").network)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_without_weights_is_one_line(method, finished_run, tmp_path, refusal):
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    for path in folder.rglob("block.safetensors"):
        path.unlink()
    assert refusal(Run(folder).network, method).startswith(f"{folder}: holds no trained weights of {method}")


@pytest.mark.parametrize("name", ["runs/b0/encoder.json", "data/prepared/manifest.json", "runs/b1/next.json", "runs/b2/hcd.json",
                                  "runs/b2/block.safetensors"])  # fmt: skip
@pytest.mark.parametrize("spoil", ["missing", "damaged"])
def test_a_run_with_a_spoilt_file_is_one_line(name, spoil, finished_run, tmp_path, refusal):
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    if spoil == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"[]")
    assert refusal(Run(folder).network).startswith(f"{folder / name}: ")


def test_an_old_run_with_other_keys_stays_usable(finished_run, tmp_path, test_images):
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    content = read_mapping(folder / "params.yaml")
    content["compute"]["forgotten"] = 3
    content["blocks"]["b1"]["prev2"] = None
    content["a_section"] = {}
    del content["training"], content["partition"], content["encoding"]
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    same(Run(folder).network().predict(test_images), Run(finished_run).network().predict(test_images))


def command(run: Path, *arguments: str, ok: bool = True) -> list[str]:
    """Lines that `python -m stages.predict` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "stages.predict", "--run", str(run), *arguments], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == ok, done.stderr
    return (done.stdout if ok else done.stderr).splitlines()


def test_the_command_prints_an_object_per_image(finished_run, network, test_images, tmp_path):
    paths = paths_of(test_images[:5], tmp_path)
    wanted = network.predict(paths)
    rows = [json.loads(line) for line in command(finished_run, "--json", str(tmp_path))]
    assert [set(row) for row in rows] == [{"image", "class", "exit_block", "exit_step", "confidence", "macs"}] * 5
    assert [row["image"] for row in rows] == [str(path) for path in paths]
    assert [row["class"] for row in rows] == wanted.class_name.tolist()
    assert [row["exit_block"] for row in rows] == wanted.exit_block.tolist()
    assert [row["exit_step"] for row in rows] == [5] * 5
    assert [row["confidence"] for row in rows] == wanted.confidence.tolist()
    assert [row["macs"] for row in rows] == wanted.macs.tolist()


def test_the_command_prints_a_line_per_image_and_a_summary(finished_run, test_images, tmp_path):
    (path,) = paths_of(np.full((1, 1, 12, 10), 99, np.uint8), tmp_path)
    (line,) = command(finished_run, str(path), ok=False)
    assert line.startswith(f"error: {path}: 10x12 pixels where data.image_size is 8; ") and "--resize" in line
    lines = command(finished_run, "--resize", "--theta-conf", "1,0,1", str(path))
    assert lines[0].startswith(f"{path}  ") and "block 2" in lines[0]
    assert lines[1].startswith("1 images: 1 at block 2; ")
    assert "block 3" in command(finished_run, "--resize", "--network", "end_to_end", str(path))[0]


@pytest.mark.parametrize("arguments", [["absent.png"], ["--theta-conf", "2", "README.md"], ["README.md"]])
def test_what_the_command_refuses_is_one_line(arguments, finished_run):
    (line,) = command(finished_run, *arguments, ok=False)
    assert line.startswith("error: ")
