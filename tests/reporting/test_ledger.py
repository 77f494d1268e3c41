"""The ledger: entries as data, what a report takes from them, and how their numbers are checked."""

import json
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_entry import CLAIM, entry, make_entry

from pipeline.analysis.noise import Spread
from pipeline.analysis.table import Table, markdown
from pipeline.base import machine
from pipeline.base.files import write_json
from pipeline.base.folders import Folders
from pipeline.data.known import CIFAR, known_dataset
from pipeline.inference.stored import network_files
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.table import COLUMNS, claims_table
from pipeline.reporting.ledger import publish
from pipeline.reporting.ledger.entry import (
    MODEL_COLUMNS,
    SCHEMA,
    Entry,
    Finding,
    check_entry,
    check_predictions,
    entry_of,
    load_entry,
    load_ledger,
)  # fmt: skip
from pipeline.reporting.tables import build_tables, headline

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "reports/published"
NAMES = sorted(path.parent.name for path in PUBLISHED.glob("*/entry.json"))
OLDER = ("cifar10-resnet9-cpu", "cifar10-vgg9-cpu")


def chosen(facts: Facts, ledger: list[Entry]) -> str:
    row = next(row for row in claims_table(replace(facts, ledger=ledger)).rows if row[0] == CLAIM)
    return str(row[COLUMNS.index("experiment")])


def test_there_are_entries() -> None:
    assert len(NAMES) >= 5


def test_a_data_set_without_a_printed_name_has_its_sources() -> None:
    assert make_entry("own", dataset="letters").scale.text().startswith("letters 32x32, ")
    assert make_entry("own").scale.text().startswith("CIFAR-10 32x32, ")


def baselines(published: Entry) -> list[str]:
    """Names of those that were trained: both, before they could be left out."""
    trained = published.parameters["baselines"].get("trained", ["bloctrain_base", "end_to_end"])
    return [name for method, name in (("bloctrain_base", "BlocTrain-base"), ("end_to_end", "end-to-end")) if method in trained]


@pytest.mark.parametrize("name", NAMES)
def test_every_published_entry_loads_and_passes_its_own_checks(name: str) -> None:
    published = load_entry(PUBLISHED / name)
    assert published.name == name and published.provenance["commit"] and published.parameters["experiment"] == name
    assert [row["training_method"] for row in published.rows] == ["BlocTrain", *baselines(published)]
    assert published.sweep() and published.findings
    line, failures = check_entry(published, PUBLISHED / name)
    count = len(published.parameters["expectations"])
    assert failures == [] and count >= 2 * published.scale.blocks + 3 and f"{count} of {count} expectations hold" in line


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_stays_readable_whatever_the_parameters_become(tmp_path: Path, name: str) -> None:
    """A parameter of the future, one that was taken away, a field that nobody knows: the numbers are the same."""
    before = load_entry(PUBLISHED / name)
    content = json.loads((PUBLISHED / name / "entry.json").read_text())
    content["parameters"]["training"]["optimiser"] = "lion"
    content["parameters"]["warp"] = {"drive": 9}
    del content["parameters"]["hcd"], content["parameters"]["neuron"]["damping"]
    content["scale"]["colour"] = content["mood"] = "blue"
    for finding in content["findings"].values():
        finding["sigma"] = 5
    shutil.copytree(PUBLISHED / name, tmp_path / name)
    write_json(tmp_path / name / "entry.json", content)
    (tmp_path / name / "params.yaml").write_text("of: another time")
    after = load_entry(tmp_path / name)
    assert (after.scale, after.summary, after.findings) == (before.scale, before.summary, before.findings)
    assert (after.rows, after.tradeoff) == (before.rows, before.tradeoff)
    assert check_entry(after, tmp_path / name)[1] == []


@pytest.mark.parametrize("content", [{"schema": SCHEMA + 1}, {}, [], {"schema": SCHEMA}, {"schema": SCHEMA, "findings": 3}])
def test_an_entry_of_a_later_schema_or_a_damaged_one_is_one_line(tmp_path: Path, content: Any, refusal: Any) -> None:
    write_json(tmp_path / "entry.json", content)
    message = refusal(load_entry, tmp_path)
    assert message.startswith(f"{tmp_path}/entry.json: ")
    if content == {"schema": SCHEMA + 1}:
        assert message.endswith(f"schema {SCHEMA + 1}, but this version reads up to {SCHEMA}; update the code")


def test_an_entry_is_what_it_was_written_from(digits: Facts, tmp_path: Path) -> None:
    found = {CLAIM: Finding("1.90", "same direction", "holds", 1.9, "somewhere", True, "fake")}
    written = replace(entry_of(digits.results, digits.summary, {}), findings=found, provenance={"commit": "c"}, notes=["n"])
    write_json(tmp_path / "fake/entry.json", written.to_json())
    content = json.loads((tmp_path / "fake/entry.json").read_text())
    assert content["schema"] == 1 and content["findings"][CLAIM]["decided"] is True
    read = load_entry(tmp_path / "fake")
    assert asdict(read) | {"thresholds": ()} == asdict(written)
    assert read.scale.partition == {
        "source": "validation", "metric": "recall", "mode": "relative", "value": 0.0, "threshold": 0.883
    }  # fmt: skip


def test_what_was_measured_on_the_first_images_alone_is_shown_nowhere() -> None:
    ledger = load_ledger(PUBLISHED)
    for published in (each for each in ledger if baselines(each)):
        unsure = [published.summary["efficiency"][name] for name in ("measured_speedup", "base_extra_compute")]
        assert unsure == [None, None] or published.name not in OLDER
        if "BlocTrain-base" in baselines(published):
            assert (unsure[1] is None) == (published.name in OLDER)
        assert not (published.name in OLDER and any("base_extra" in name for name in published.findings))
        assert any("forward pass" in note for note in published.notes) == any("Converted" in note for note in published.notes)
        assert (published.name in OLDER) == any("first test images" in note for note in published.notes)
    table = headline(ledger)
    speed_up = table.columns.index("speed-up")
    assert [row[speed_up] for row in table.rows if row[0] in OLDER] == ["", ""]


def test_a_claim_is_answered_by_the_papers_own_data_where_it_was_tested(digits: Facts) -> None:
    assert chosen(digits, []) == "fake"
    assert chosen(digits, [entry("cifar", "CIFAR-10 32x32")]) == "cifar"
    assert chosen(digits, [entry("cifar", "")]) == "fake"
    undecided = entry("cifar", "CIFAR-10 32x32", "not testable here")
    assert chosen(digits, [undecided]) == "cifar"
    smaller = replace(entry("small", "CIFAR-10 32x32"), scale=digits.own.scale)
    assert chosen(digits, [undecided, smaller]) == "cifar"  # what the larger cannot tell, the smaller cannot either
    assert chosen(digits, [entry("own", "image folder 32x32 (image folder, not CIFAR-10)")]) == "own"  # larger than digits
    assert chosen(digits, [entry("fake", "CIFAR-10 32x32")]) == "fake"  # the run in force stands for its own entry


def test_a_comma_and_a_not_in_a_scale_are_words_alone(digits: Facts) -> None:
    """Whose data it is stands in a field of its own."""
    assert chosen(digits, [entry("cifar", "CIFAR-10 32x32, not cropped")]) == "cifar"


def test_table_1_takes_published_rows_of_its_data_set(digits: Facts) -> None:
    ledger = [entry("cifar", "CIFAR-10 32x32"), entry("other", "digits", dataset="digits")]
    tables: dict[str, Table] = {table.name: table for table in build_tables(replace(digits, ledger=ledger))}
    assert [row[0] for row in tables["table_1"].rows[-1:]] == ["ResNet-9 (cifar)"]
    assert {row[0] for row in tables["experiments"].rows} == {"ResNet-9 (this run)", "ResNet-9 (cifar)", "ResNet-9 (other)"}
    assert all(len(row) == len(MODEL_COLUMNS) for row in tables["experiments"].rows)


def test_time_per_image_is_that_of_the_images_that_a_block_trains_on(digits: Facts) -> None:
    table = next(table for table in build_tables(digits) if table.name == "training_time")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["ms_per_image"] for row in rows[:3]] == pytest.approx([0.025, 0.05, 0.0125])  # 40000 images, 1, 2 and 0.5 s
    assert [row["forward_seconds"] for row in rows] == [2.0] * 6 + [0.0] * 3


def test_the_partition_table_states_the_hardness_threshold(digits: Facts) -> None:
    table = next(table for table in build_tables(digits) if table.name == "partition")
    after = "88.30 % after b1, 88.30 % after b2, 88.30 % after b3"
    words = f"Hardness threshold, relative (the mean +0 standard deviations of the class accuracies): {after}."
    assert table.notes[1] == words


def test_headline_numbers_stand_beside_the_papers(digits: Facts) -> None:
    table = next(table for table in build_tables(replace(digits, ledger=[entry("cifar", "")])) if table.name == "headline")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == ["paper, ResNet-9", "cifar"]
    assert [row["BlocTrain"] for row in rows.values()] == ["86.4 %", "64.0 %"]
    assert [row["less training memory"] for row in rows.values()] == ["1.32x to 2.95x", "1.90x to 3.40x"]
    assert [row["training time"] for row in rows.values()] == ["1.13x", "0.57x"]
    assert [row["theta_conf"] for row in rows.values()] == ["1", "1"]


def test_an_accuracy_over_seeds_has_its_deviation() -> None:
    spreads = {"accuracy.bloctrain": Spread(0.9012, 0.0021, 3), "efficiency.compute": Spread(1.5, 0.1, 3)}
    table = headline([replace(entry("cifar", ""), spreads=spreads)])
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert (row["BlocTrain"], row["BlocTrain-base"]) == ("90.1±0.2 %", "66.0 %")
    assert "±" not in row["less compute"]
    assert "standard deviation over seeds" in table.notes[0]


def test_a_result_that_one_other_seed_has_alone_stands_without_a_deviation() -> None:
    of = entry("cifar", "")
    summary = of.summary | {"accuracy": of.summary["accuracy"] | {"end_to_end": None}}
    table = headline([replace(of, summary=summary, once={"accuracy.end_to_end": 0.5, "accuracy.bloctrain": 0.1})])
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert (row["BlocTrain"], row["end to end"]) == ("64.0 %", "50.0 %")


def test_readme_quotes_the_ledger() -> None:
    """Each number of the table in README is the committed one, whatever machine this is."""
    lines = markdown(headline(load_ledger(PUBLISHED))).splitlines()
    wanted = [line for line in lines if line.startswith("|")]
    assert [line for line in wanted if line not in (ROOT / "README.md").read_text().splitlines()] == []


def test_a_row_without_a_result_is_the_run_in_forces_own(digits: Facts) -> None:
    larger = entry("cifar", "CIFAR-10 32x32")
    larger = replace(larger, findings={"setup.epochs": Finding("999", "not testable here", "a setting")})
    rows = {row[0]: row for row in claims_table(replace(digits, ledger=[larger])).rows}
    assert rows["setup.epochs"][3] == "10"


def test_a_row_of_table_1_repeats_the_answer_to_its_claim(digits: Facts) -> None:
    rows = {row[0]: row for row in claims_table(digits).rows}
    said, again = rows["cifar10_resnet9.accuracy_base"], rows["table_1_cifar10.row_10"]
    assert again[3:6] == said[3:6] and again[7] == said[7] == "fake"
    assert again[6] == f"the same as cifar10_resnet9.accuracy_base: {said[6]}"


def test_predictions_must_give_the_published_accuracies() -> None:
    label = np.arange(10, dtype=np.uint16)
    names = [f"{method}_b1" for method in ("bloctrain", "bloctrain_base", "end_to_end")]
    arrays = dict.fromkeys(names, label) | {"label": label, "index": label, "bloctrain_exit": np.ones(10)}
    depths = {name[:-3]: {"b1": 1.0} for name in names}
    right = make_entry("right", summary={"accuracy": {"by_depth": depths}, "exits": {"b1": 1.0}})
    assert check_predictions(right, arrays) == []
    wrong = replace(right, summary={"accuracy": {"by_depth": depths | {"bloctrain": {"b1": 0.9}}}, "exits": {"b1": 0.5}})
    assert [line.split(": ", 1)[1].split(" is")[0] for line in check_predictions(wrong, arrays)] == ["bloctrain_b1", "exits.b1"]
    assert len(check_predictions(right, {name: array for name, array in arrays.items() if name != "end_to_end_b1"})) == 1


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize(
    "change", [{}, {"class_names": "last"}, {"image_shape": [1, 32, 32]}, {"counts": 1}, {"source": "digits"}]
)
def test_an_image_folder_with_all_of_a_cifar_set_counts_as_it(name: str, change: dict[str, Any]) -> None:
    images, classes = CIFAR[name]
    assert (len(classes), images) == {"cifar10": (10, 6000), "cifar100": (100, 600)}[name] and classes == sorted(set(classes))
    counts = {
        "train": images // 2,
        "validation": images // 3,
        "test": images - images // 2 - images // 3 - change.get("counts", 0),
    }
    manifest = {
        "class_names": [*classes[:-1], "lorry"] if "class_names" in change else classes,
        "image_shape": change.get("image_shape", [3, 32, 32]),
        "counts": {split: {"per_class": [count] * len(classes)} for split, count in counts.items()},
    }
    source = change.get("source", "image_folder")
    assert known_dataset(source, manifest) == (source if change else name)


def test_publishing_without_dvc_or_with_changes_is_one_line(tmp_path: Path, monkeypatch: Any, refusal: Any) -> None:
    assert refusal(machine.require_committed, tmp_path).startswith("git: no commit here (not a git repository")
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)
    git = shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(str(git))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "1 files are not committed" in refusal(machine.require_committed, tmp_path)
    (tmp_path / ".gitignore").write_text("*\n")
    assert refusal(machine.require_committed, tmp_path).startswith("dvc: cannot be run")


def test_studies_that_may_be_of_other_parameters_are_kept_and_named(digits: Facts, monkeypatch: Any, capsys: Any) -> None:
    target = digits.results.folders.published / "fake"
    target.mkdir(parents=True)
    (target / "seeds.csv").write_text("metric")
    monkeypatch.setattr(publish, "predictions", lambda *_: {"label": np.zeros(1)})
    monkeypatch.setattr(publish, "check_predictions", lambda *_: [])
    for same in (True, False):
        publish.publish(digits.results, make_entry("fake"), "0" * 40, lambda folder: None, same)
        assert ("seeds.csv" in capsys.readouterr().out) != same
        assert (target / "seeds.csv").read_text() == "metric"
    shutil.rmtree(target)


def test_small_networks_are_published_under_the_names_of_a_run(digits: Facts, tmp_path: Path, monkeypatch: Any) -> None:
    folders, keys, target = digits.results.folders, ["b1", "b2", "b3"], tmp_path / "reports/published/fake"
    (folders.block("b2") / "hcd.safetensors").write_bytes(b"weights")
    said = publish.copy_networks(folders, keys, target)
    copied = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert copied == sorted(network_files(folders, keys)) and f"{len(copied)} files" in said
    wanted = "data/prepared/manifest.json runs/b0/encoder.json runs/b0/next.json runs/b1/block.safetensors runs/b1/hcd.json "
    wanted += "runs/b1/groups.json runs/b1/next.json runs/b2/hcd.safetensors runs/b1/base/block.safetensors "
    wanted += "runs/b3/base/block.safetensors runs/b3/end_to_end/block.safetensors"
    assert set(wanted.split()) <= set(copied) and "runs/b1/end_to_end/block.safetensors" not in copied
    assert network_files(Folders(target), keys) == network_files(folders, keys), "the entry can be read as a run"
    paths = [f"reports/published/fake/{name}" for name in copied]
    assert subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, check=False, capture_output=True).stdout == b""
    shutil.rmtree(target)
    monkeypatch.setattr(publish, "LARGEST", 100)
    assert "left out" in publish.copy_networks(folders, keys, target) and not target.exists()
