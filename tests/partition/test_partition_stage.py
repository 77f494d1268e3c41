import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.files import read_arrays, read_tensors, write_arrays, write_json, write_tensors
from pipeline.base.folders import Folders, before
from pipeline.data.prepared import Manifest, Prepared
from pipeline.partition.calibration import Calibration
from pipeline.partition.detector_stage import detector_stage
from pipeline.partition.groups import load_groups
from pipeline.partition.partition_stage import partition_stage
from pipeline.partition.start_stage import start_stage
from pipeline.training.stored import Outputs, Readout

CLASSES = 3
LABEL = np.repeat(np.arange(CLASSES), 4)
RIGHT = LABEL.copy()
# Class 2: two of four taken for class 0. Recall 1, 1, 1/2 (mean 5/6); one-vs-rest 10/12, 1, 10/12 (mean 8/9).
TWO_WRONG = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 0, 0])
EACH_WRONG = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0])
ALL_UNLIKE = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 0])


def read(path):
    return json.loads(Path(path).read_text())


def partition(params, key):
    partition_stage(Folders(), params, key, before(key))


def detector(params, key):
    """The stage; the weights that it wrote."""
    detector_stage(Folders(), params, key, before(key))
    return read_tensors(f"runs/{key}/hcd.safetensors")


def block(key, predictions, strength=5.0, classes=range(CLASSES), hcd=None, low=None, high=None, split="validation"):
    """The outputs of a block that predicts so with logits `strength` (one, or one per image)."""
    classes = np.array(list(classes))
    logits = (np.asarray(predictions)[:, None] == classes) * np.broadcast_to(strength, len(LABEL))[:, None]
    hcd_logit = None if hcd is None else np.array(hcd, np.float32)
    Outputs(logits.astype(np.float32), classes, LABEL, np.arange(len(LABEL)), hcd_logit).save(Path(f"runs/{key}"), split)
    Calibration(low, high, {}).save(Path(f"runs/{key}"))


@pytest.fixture
def start(folder):
    """Twelve prepared images of three classes, and block 0."""
    Manifest("digits", ["a", "b", "c"], (1, 8, 8), {}, {}).save(Folders().prepared)
    start_stage(Folders(), "recall")
    return folder


def test_before_the_first_block_every_class_is_hard(start):
    assert read("runs/b0/groups.json") == {"easy": [], "hard": [0, 1, 2]}
    assert read("runs/b0/next.json") == {"build": True, "reason": None, "classes": [0, 1, 2], "hard": None}


def test_first_block_by_hand(start, make_params):
    block("b1", TWO_WRONG)
    partition(make_params(), "b1")
    assert read("runs/b1/groups.json") == {"easy": [0, 1], "hard": [2]}
    assert read("runs/b1/next.json") == {"hard": [2], "build": True, "reason": None, "classes": [0, 1, 2]}
    classes = read("runs/b1/classes.json")
    assert classes["class_accuracy"] == [1.0, 1.0, 0.5]
    assert classes["threshold"] == pytest.approx(5 / 6)
    assert classes["accuracy"] == pytest.approx(10 / 12)
    rows = list(csv.DictReader(Path("runs/b1/class_accuracy.csv").read_text().splitlines()))
    assert [float(row["recall"]) for row in rows] == [1, 1, 0.5]
    assert [float(row["one_vs_rest"]) for row in rows] == pytest.approx([10 / 12, 1, 10 / 12])


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_earlier_logits_count_by_their_weight(weight, start, make_params):
    params = make_params({"partition.earlier_logits": weight, "partition.threshold": {"mode": "absolute", "value": 0.99}})
    block("b1", TWO_WRONG, strength=4.0)
    partition(params, "b1")
    assert load_groups(Path("runs/b1")).earlier_logits == weight
    assert ("earlier_logits" in read("runs/b1/groups.json")) == (weight != 1)
    block("b2", RIGHT, strength=3.0, hcd=[5.0] * len(LABEL), low=0.1, high=0.2)
    partition(params, "b2")
    wanted = weight * 4.0 * (TWO_WRONG[:, None] == range(CLASSES)) + 3.0 * (RIGHT[:, None] == range(CLASSES))
    assert np.array_equal(read_arrays(Path("runs/b2/running.npz"))["running"], wanted)
    assert read("runs/b2/classes.json")["accuracy"] == pytest.approx(1.0 if weight < 0.75 else 10 / 12)


def test_the_metric_decides(start, make_params):
    block("b1", TWO_WRONG)
    partition(make_params({"partition.metric": "one_vs_rest"}), "b1")
    assert read("runs/b1/groups.json") == {"easy": [1], "hard": [0, 2]}


def test_separate_hcd_tells_training_nothing_of_the_partition(start, make_params):
    block("b1", TWO_WRONG)
    partition(make_params({"hcd.joint": False}), "b1")
    assert read("runs/b1/next.json") == {"hard": None, "build": True, "reason": None, "classes": [0, 1, 2]}
    assert read("runs/b1/groups.json")["hard"] == [2]


@pytest.mark.parametrize("joint", [True, False])
def test_another_threshold_with_the_same_partition_gives_the_same_bytes(joint, start, make_params):
    block("b1", TWO_WRONG)
    found = []
    for threshold in ({"mode": "absolute", "value": 0.6}, {"mode": "absolute", "value": 0.9}, {"mode": "relative", "value": 0.1}):
        partition(make_params({"partition.threshold": threshold, "hcd.joint": joint}), "b1")
        names = ("groups.json", "next.json", "running.npz", "classes.json")
        found.append({name: Path(f"runs/b1/{name}").read_bytes() for name in names})
    assert found[0].pop("classes.json") != found[1].pop("classes.json")
    found[2].pop("classes.json")
    assert found[0] == found[1] == found[2]


def test_a_separate_hcd_tells_the_next_block_the_same_even_if_the_partition_changes(start, make_params):
    block("b1", TWO_WRONG)
    found = []
    for metric in ("recall", "one_vs_rest"):
        partition(make_params({"partition.metric": metric, "hcd.joint": False}), "b1")
        found.append((Path("runs/b1/next.json").read_bytes(), read("runs/b1/groups.json")))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_no_hard_class_is_one_line(start, make_params, refusal):
    block("b1", RIGHT)
    line = refusal(partition, make_params({"partition.threshold": {"mode": "absolute", "value": 0.9}}), "b1")
    assert line.startswith("params.yaml: partition.threshold: no class is hard after b1")
    assert "partition.no_hard_class: stop" in line
    assert not list(Path("runs/b1").glob("*groups*"))


def test_no_hard_class_can_stop_instead(start, make_params):
    block("b1", RIGHT)
    threshold = {"mode": "absolute", "value": 0.9}
    partition(make_params({"partition.threshold": threshold, "partition.no_hard_class": "stop"}), "b1")
    targets = read("runs/b1/next.json")
    assert (targets["build"], targets["reason"]) == (False, "no class is hard after b1")


def test_all_classes_hard_is_one_line(start, make_params, refusal):
    block("b1", EACH_WRONG)
    line = refusal(partition, make_params({"partition.threshold": {"mode": "absolute", "value": 1.0}}), "b1")
    assert line.startswith("params.yaml: partition.threshold: all classes are hard after b1")
    assert "no_easy_class: continue" in line


def test_all_classes_hard_can_go_on(start, make_params):
    block("b1", EACH_WRONG)
    threshold = {"mode": "absolute", "value": 1.0}
    partition(make_params({"partition.threshold": threshold, "partition.no_easy_class": "continue"}), "b1")
    assert read("runs/b1/groups.json") == {"easy": [], "hard": [0, 1, 2]}
    assert read("runs/b1/next.json")["build"] is True


@pytest.mark.parametrize(
    ("predictions", "mode", "value", "better"),
    [
        (TWO_WRONG, "absolute", 0.4, 0.5),
        (TWO_WRONG, "relative", -1.45, 0.0),
        (ALL_UNLIKE, "absolute", 0.8, 0.7),
        (ALL_UNLIKE, "relative", 1.3, 0.0),
        (RIGHT, "relative", 0.0, None),
        (RIGHT, "absolute", 1.0, None),
        (EACH_WRONG, "relative", 0.0, None),
        (EACH_WRONG, "absolute", 0.7, None),
        (EACH_WRONG, "absolute", 0.8, None),
    ],
)
def test_the_advice_works(predictions, mode, value, better, start, make_params, refusal):
    block("b1", predictions)
    line = refusal(partition, make_params({"partition.threshold": {"mode": mode, "value": value}}), "b1")
    if better is None:
        assert "no threshold divides classes of equal accuracy: set partition.no_" in line
        return
    assert ("raise it, or set" if better > value else "lower it, or set") in line
    partition(make_params({"partition.threshold": {"mode": mode, "value": better}}), "b1")


@pytest.mark.parametrize(("target", "build"), [(0.83, False), (10 / 12, False), (0.84, True)])
def test_target_accuracy_stops(target, build, start, make_params):
    block("b1", TWO_WRONG)
    partition(make_params({"partition.target_accuracy": target}), "b1")
    targets = read("runs/b1/next.json")
    assert targets["build"] is build
    assert (targets["reason"] is None) == build
    assert read("runs/b1/groups.json") == {"easy": [0, 1], "hard": [2]}


def test_a_block_that_is_not_built_passes_the_reason_on(start, make_params):
    block("b1", TWO_WRONG)
    params = make_params({"partition.target_accuracy": 0.5})
    for key in ("b1", "b2", "b3"):
        partition(params, key)
        assert read(f"runs/{key}/next.json")["reason"] == "accuracy after b1 reached partition.target_accuracy 0.5"
    assert read("runs/b3/groups.json") == {"easy": [], "hard": []}
    assert Path("runs/b3/class_accuracy.csv").read_text() == "class,recall,one_vs_rest\n"


def test_second_block_adds_to_the_first_and_divides_its_hard_classes_only(start, make_params):
    params = make_params({"partition.threshold": {"mode": "absolute", "value": 0.6}})
    strength = np.full(12, 5.0)
    strength[[8, 10]] = 30.0  # two images of class 2 leave block 1, the second of them wrongly, as class 0
    block("b1", TWO_WRONG, strength)
    partition(params, "b1")
    state = np.load("runs/b1/running.npz")
    assert np.flatnonzero(state["prediction"] >= 0).tolist() == [8, 10]
    assert state["prediction"][[8, 10]].tolist() == [2, 0]
    # Block 2 says class 1 with 3 for the images of class 0, which 5 from block 1 outvotes, and class 2 with 9 for the rest.
    block("b2", [1] * 4 + [2] * 8, [3.0] * 4 + [9.0] * 8, hcd=[9.0] * 12, low=0.1, high=0.2)
    partition(params, "b2")
    classes = read("runs/b2/classes.json")
    # Class 2: 8, 9 and 11 right, 10 has left already.
    assert classes["class_accuracy"] == [1.0, 0.0, 0.75]
    # Class 1 does worst, but only class 2 was hard after block 1.
    assert (classes["easy"], classes["hard"]) == ([2], [])
    assert read("runs/b2/next.json") == {"hard": [], "build": False, "reason": "no class is hard after b2", "classes": [2]}


def test_the_hcd_of_the_second_block_refines_and_lets_out(start, make_params):
    params = make_params({"partition.threshold": {"mode": "absolute", "value": 0.6}})
    block("b1", TWO_WRONG, 1.0)
    partition(params, "b1")
    # All are called class 2 by block 2; the HCD is sure that the first eight are easy.
    block("b2", [2] * 12, 4.0, hcd=[-9.0] * 8 + [9.0] * 4, low=0.1, high=0.2)
    partition(params, "b2")
    assert read("runs/b2/classes.json")["class_accuracy"] == [1.0, 1.0, 1.0]
    assert np.load("runs/b2/running.npz")["prediction"].tolist() == [0] * 4 + [1] * 4 + [-1] * 4


def test_source_test_partitions_on_the_test_split(start, make_params):
    block("b1", RIGHT)
    block("b1", TWO_WRONG, split="test")
    partition(make_params({"partition.source": "test"}), "b1")
    assert read("runs/b1/groups.json")["hard"] == [2]
    assert read("runs/b1/classes.json")["source"] == "test"


def test_theta_conf_of_the_partition_decides_who_leaves(start, make_params):
    block("b1", TWO_WRONG)  # logits 5, 0, 0: probability 0.987
    for theta_conf, left in ((0.98, 12), (0.99, 0)):
        partition(make_params({"partition.theta_conf": theta_conf}), "b1")
        assert (np.load("runs/b1/running.npz")["prediction"] >= 0).sum() == left


@pytest.mark.parametrize("spoil", ["missing", "shape", "array", "bytes"])
def test_spoilt_outputs_are_one_line(spoil, start, make_params, refusal):
    block("b1", TWO_WRONG)
    path = Path("runs/b1/outputs_validation.npz")
    arrays = dict(np.load(path))
    if spoil == "missing":
        path.unlink()
    elif spoil == "bytes":
        path.write_bytes(b"no npz")
    else:
        arrays |= {"logits": arrays["logits"][:, :2]}
        if spoil == "array":
            del arrays["classes"]
        write_arrays(path, arrays)
    assert refusal(partition, make_params(), "b1").startswith(f"{path}: ")


def readouts(key, joint):
    """Two features: the first is on for class 2, the second for the others."""
    summary = np.stack([LABEL == 2, LABEL != 2], axis=1).astype(np.float32) * 4
    for split in ("train", "validation", "test"):
        Prepared(np.zeros((12, 1, 8, 8), np.uint8), LABEL).save(Folders().prepared, split)
        more = {"hcd_logit": np.where(LABEL == 2, 3, -3).astype(np.float32)} if joint else {"summary": summary}
        Readout(np.arange(12), np.zeros((12, CLASSES), np.float32), **more).save(Path(f"runs/{key}"), split)
    write_tensors(f"runs/{key}/block.safetensors", {"hcd": np.arange(2, dtype=np.float32)} if joint else {})


@pytest.mark.parametrize("joint", [True, False])
def test_the_detector_is_calibrated_on_the_hard_classes_of_the_block_before(joint, start, make_params):
    params = make_params({"hcd.joint": joint})
    block("b1", TWO_WRONG)
    partition(params, "b1")
    readouts("b2", joint)
    tensors = detector(params, "b2")
    assert set(tensors) == {"weight"}
    if joint:  # taken over from the block
        assert tensors["weight"].tolist() == [0, 1]
    outputs = np.load("runs/b2/outputs_test.npz")
    assert ((outputs["hcd_logit"] > 0) == (LABEL == 2)).all()
    found = read("runs/b2/hcd.json")
    assert found["theta_high"] == pytest.approx(1 / (1 + np.exp(-outputs["hcd_logit"][-1])))
    assert found["chosen"]["easy_images_below_theta_high"] == 1.0


def test_block_1_gets_no_hcd(start, make_params):
    readouts("b1", joint=False)
    assert detector(make_params(), "b1") == {}
    assert "hcd_logit" not in np.load("runs/b1/outputs_validation.npz")
    assert read("runs/b1/hcd.json")["theta_high"] is None


@pytest.mark.parametrize("name", ["b0/groups.json", "b0/next.json", "b0/running.npz", "b1/hcd.json"])
@pytest.mark.parametrize("spoil", ["missing", "bytes", "another form"])
def test_spoilt_state_is_one_line(name, spoil, start, make_params, refusal):
    block("b1", TWO_WRONG)
    path = Path("runs") / name
    if spoil == "missing":
        path.unlink()
    elif spoil == "bytes":
        path.write_bytes(b"{")
    elif path.suffix == ".json":
        write_json(path, {"something": "else"})
    else:
        write_arrays(path, {"something": np.zeros(2)})
    assert refusal(partition, make_params(), "b1").startswith(f"{path}: ")


def test_an_easy_class_that_is_never_recognised_is_said(start, make_params, capsys):
    # Class 2 is always taken for class 0; by one-vs-rest 0.67, as class 0; class 1 has 1. A threshold below calls all three easy.
    block("b1", np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]))
    changes = {"partition.metric": "one_vs_rest", "partition.threshold": {"mode": "absolute", "value": 0.5}}
    changes |= {"partition.no_hard_class": "stop"}
    partition(make_params(changes), "b1")
    assert "1 class(es) are easy by one_vs_rest but no image of theirs is recognised, such as 'c'" in capsys.readouterr().out
    block("b1", RIGHT)
    partition(make_params(changes), "b1")
    assert "warning" not in capsys.readouterr().out
