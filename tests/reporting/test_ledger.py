"""The ledger: what a report takes from it, and how its numbers are checked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_run import digits_params, paper_params, write_run

from pipeline.base.files import write_arrays, write_json
from pipeline.config import parse_params
from pipeline.reporting import publish
from pipeline.reporting.facts import Facts, accuracy_noise, variation
from pipeline.reporting.headline import headline
from pipeline.reporting.ledger import Entry, Spread, check_predictions, load_ledger, load_spreads
from pipeline.reporting.results import CIFAR10, dataset, load_results
from pipeline.reporting.summary import build_summary
from pipeline.reporting.tables import MODEL_COLUMNS, build_tables
from pipeline.reporting.text import Table, markdown
from pipeline.reporting.verdicts import COLUMNS, claims_table

CLAIM = "cifar10_resnet9.compute_efficiency"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    monkeypatch.chdir(tmp_path)
    results = load_results(write_run(tmp_path, digits_params()))
    return Facts(results, build_summary(results))


def entry(name: str, scale: str, verdict: str = "same direction", dataset: str = "CIFAR-10") -> Entry:
    claim = [CLAIM, "5.2", "1.89", "1.70", scale, verdict, "holds", name]
    row = ["ResNet-9 (this run)", "BlocTrain", dataset, "40000", "65.0", "", scale, ""]
    accuracy = {"bloctrain": 0.64, "bloctrain_base": 0.66, "end_to_end": 0.6}
    ratios = {
        "compute": 1.4,
        "memory_overhead": 1.66,
        "measured_speedup": 1.3,
        "training_memory_reduction": {"b1": 1.9, "b2": 3.4},
    }
    summary = {"accuracy": accuracy, "efficiency": ratios, "training_time_ratio": 0.57}
    return Entry(name, parse_params(paper_params()), summary, [row], {CLAIM: claim}, [])


def chosen(facts: Facts, ledger: list[Entry]) -> str:
    row = next(row for row in claims_table(replace(facts, ledger=ledger)).rows if row[0] == CLAIM)
    return str(row[COLUMNS.index("experiment")])


def test_a_claim_is_answered_by_the_papers_own_data_where_it_was_tested(digits: Facts) -> None:
    assert chosen(digits, []) == "fake"
    assert chosen(digits, [entry("cifar", "CIFAR-10 32x32")]) == "cifar"
    assert chosen(digits, [entry("cifar", "")]) == "fake"
    undecided = entry("cifar", "CIFAR-10 32x32", "not testable here")
    assert chosen(digits, [undecided]) == "cifar"
    smaller = replace(entry("small", "CIFAR-10 32x32"), params=digits.results.params)
    assert chosen(digits, [undecided, smaller]) == "cifar"  # what the larger cannot tell, the smaller cannot either
    assert chosen(digits, [entry("own", "image folder 32x32 (image folder, not CIFAR-10)")]) == "own"  # larger than digits
    assert chosen(digits, [entry("fake", "CIFAR-10 32x32")]) == "fake"  # the run in force stands for its own entry


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


def test_headline_numbers_stand_beside_the_papers(digits: Facts) -> None:
    table = next(table for table in build_tables(replace(digits, ledger=[entry("cifar", "")])) if table.name == "headline")
    assert table.columns == ["number", "paper (ResNet-9)", "cifar"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["test accuracy, BlocTrain"] == ["86.4 %", "64.0 %"]
    assert rows["less memory in training"] == ["1.32x to 2.95x", "1.90x to 3.40x"]
    assert rows["training time over end to end"] == ["1.13x", "0.57x"]


def test_readme_quotes_the_ledger() -> None:
    """Each number of the table in README is the committed one, whatever machine this is."""
    lines = markdown(headline(load_ledger(ROOT / "reports/published"))).splitlines()
    wanted = [line for line in lines if line.startswith("|")]
    assert [line for line in wanted if line not in (ROOT / "README.md").read_text().splitlines()] == []


def with_and_without(facts: Facts, plain: float, pair: float = 0.0, **changes: Any) -> list[str]:
    """The row on residual connections for two published twins; `plain` is the accuracy of BlocTrain without shortcuts, `pair` the
    difference of two trainings of the first block."""
    entries = []
    for name, shortcuts, own in (("with", True, 0.864), ("without", False, plain)):
        content = paper_params() | {"experiment": name} | (changes if not shortcuts else {})
        content["network"] = {**content["network"], "shortcuts": shortcuts}
        content["training"] = {**content["training"], "end_to_end_learning_rate": content["blocks"]["b1"]["learning_rate"]}
        depths = {method: {"b1": first} for method, first in (("bloctrain_base", 0.61), ("end_to_end", 0.61 + pair))}
        accuracy = {"bloctrain": own, "bloctrain_base": own, "end_to_end": own, "by_depth": depths}
        entries.append(replace(entry(name, "CIFAR-10 32x32"), params=parse_params(content), summary={"accuracy": accuracy}))
    row = "cifar10_resnet9.accuracy_without_residuals"
    return next(cells for cells in claims_table(replace(facts, ledger=entries)).rows if cells[0] == row)


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.845, "same direction"), (0.880, "not reproduced"), (0.862, "not testable here")]
)
def test_two_published_twins_say_whether_residuals_help(digits: Facts, accuracy: float, verdict: str) -> None:
    row = with_and_without(digits, accuracy)
    assert (row[COLUMNS.index("verdict")], row[COLUMNS.index("experiment")]) == (verdict, "with, without")
    assert f"BlocTrain {100 * accuracy:.2f} % without, 86.40 % with" in row[COLUMNS.index("ours")]


def test_experiments_that_differ_in_more_than_shortcuts_are_not_compared(digits: Facts) -> None:
    assert "with, without" not in with_and_without(digits, 0.845, seed=7)


def test_a_difference_within_that_of_two_trainings_of_one_block_is_none(digits: Facts) -> None:
    # t of two pairs is 4.3: by hand the noise reaches the difference of 0.019 where both pairs are 0.0038 apart.
    assert with_and_without(digits, 0.845, pair=0.0036)[COLUMNS.index("verdict")] == "same direction"
    assert with_and_without(digits, 0.845, pair=0.0040)[COLUMNS.index("verdict")] == "not testable here"


def test_spread_over_seeds(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/seeds.csv").write_text("metric,seed 0,seed 1,mean,std\naccuracy.bloctrain,0.9,0.8,0,0\n")
    spread = load_spreads("tiny", tmp_path)["accuracy.bloctrain"]
    assert (spread.mean, spread.seeds) == (pytest.approx(0.85), 2)
    assert spread.std == pytest.approx(0.0707, abs=1e-4)
    assert load_spreads("another", tmp_path) == {}
    assert load_ledger(tmp_path) == []  # seeds alone make no entry


def test_a_seed_without_a_block_is_left_out_of_the_blocks_spread(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "seeds.csv").write_text("metric,seed 0,seed 1,seed 2\naccuracy.by_depth.bloctrain.b3,0.9,,0.8\n")
    assert load_spreads("digits", tmp_path)["accuracy.by_depth.bloctrain.b3"].seeds == 2


def test_a_difference_within_the_spread_of_seeds_is_none(digits: Facts) -> None:
    assert digits.clearly(0.90, 0.85) == 1
    noisy = Facts(digits.results, digits.summary, {"accuracy.bloctrain": Spread(0.9, 0.05, 5)})
    assert noisy.clearly(0.90, 0.85) == 0


def test_few_trainings_know_their_variation_badly() -> None:
    at = {seeds: variation({"accuracy.x": Spread(0.9, 0.01, seeds)}, []) for seeds in (2, 5, 1000)}
    found = {seeds: accuracy_noise(1.0, 1.0, 100, known) for seeds, known in at.items()}  # no noise of test images
    assert [found[seeds] / (0.01 * 2**0.5) for seeds in at] == pytest.approx([12.706, 2.776, 1.962], abs=1e-3)


def test_pairs_of_trainings_are_pooled(digits: Facts) -> None:
    def run(first: float, second: float, rate: float = 0.0001) -> tuple[dict[str, Any], Any]:
        content = paper_params()
        content["blocks"]["b1"]["learning_rate"] = rate
        depths = {"bloctrain_base": {"b1": first}, "end_to_end": {"b1": second}}
        return {"accuracy": {"by_depth": depths}}, parse_params(content)

    pooled = variation({}, [run(0.60, 0.61), run(0.60, 0.57), run(0.2, 0.9, rate=0.01)])
    assert (pooled.deviation, pooled.freedom) == (pytest.approx(((0.01**2 + 0.03**2) / 4) ** 0.5), 2)
    assert pooled.source == "2 pairs of trainings of block 1"
    assert variation({}, []).freedom == 0


def test_published_experiments_on_the_same_data_tell_the_variation(digits: Facts) -> None:
    own = digits.variation.freedom
    ledger = [entry(name, "", dataset=data) for name, data in (("one", "digits"), ("two", "CIFAR-10"), ("fake", "digits"))]
    depths = {"by_depth": {"bloctrain_base": {"b1": 0.6}, "end_to_end": {"b1": 0.61}}}
    content = paper_params()
    content["training"]["end_to_end_learning_rate"] = content["blocks"]["b1"]["learning_rate"]
    ledger = [replace(each, summary={"accuracy": depths}, params=parse_params(content)) for each in ledger]
    assert replace(digits, ledger=ledger).variation.freedom == own + 1
    assert replace(digits, published=ledger).variation.freedom == own + 1


def test_a_row_without_a_result_is_the_run_in_forces_own(digits: Facts) -> None:
    larger = entry("cifar", "CIFAR-10 32x32")
    larger.claims["setup.epochs"] = ["setup.epochs", "5.1", "125", "999", "", "not testable here", "a setting", ""]
    rows = {row[0]: row for row in claims_table(replace(digits, ledger=[larger])).rows}
    assert rows["setup.epochs"][3] == "10"


def test_a_row_of_table_1_repeats_the_answer_to_its_claim(digits: Facts) -> None:
    rows = {row[0]: row for row in claims_table(digits).rows}
    said, again = rows["cifar10_resnet9.accuracy_base"], rows["table_1_cifar10.row_10"]
    assert again[3:6] == said[3:6] and again[7] == said[7] == "fake"
    assert again[6] == f"the same as cifar10_resnet9.accuracy_base: {said[6]}"


def test_predictions_must_give_the_published_accuracies(tmp_path: Path) -> None:
    label = np.arange(10, dtype=np.uint16)
    names = [f"{method}_b1" for method in ("bloctrain", "bloctrain_base", "end_to_end")]
    write_arrays(tmp_path / "predictions.npz", dict.fromkeys(names, label) | {
        "label": label, "index": label, "bloctrain_exit": np.ones(10), "bloctrain_base_exit": np.ones(10),
    })  # fmt: skip
    summary: dict[str, Any] = {"accuracy": {"by_depth": {name[:-3]: {"b1": 1.0} for name in names}}, "exits": {"b1": 1.0}}
    write_json(tmp_path / "summary.json", summary)
    assert check_predictions(tmp_path) == []
    summary["accuracy"]["by_depth"]["bloctrain"]["b1"] = 0.9
    summary["exits"]["b1"] = 0.5
    write_json(tmp_path / "summary.json", summary)
    assert [line.split(": ", 1)[1].split(" is")[0] for line in check_predictions(tmp_path)] == ["bloctrain_b1", "exits.b1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "cifar10"),
        ({"class_names": [*CIFAR10[:9], "lorry"]}, "image_folder"),
        ({"image_shape": [1, 32, 32]}, "image_folder"),
        ({"counts": {"train": {"per_class": [5000] * 10}}}, "image_folder"),
    ],
)
def test_an_image_folder_with_all_of_cifar_10_counts_as_it(change: dict[str, Any], expected: str) -> None:
    content = paper_params()
    content["data"] |= {"source": "image_folder", "path": "images.zip"}
    counts = {"train": {"per_class": [4000] * 10}, "validation": {"per_class": [1000] * 10}, "test": {"per_class": [1000] * 10}}
    manifest = {"class_names": list(CIFAR10), "image_shape": [3, 32, 32], "counts": counts}
    assert dataset(parse_params(content), manifest | change) == expected


def test_publishing_without_dvc_is_one_line(monkeypatch: pytest.MonkeyPatch, refusal: Any) -> None:
    monkeypatch.setenv("PATH", "")
    assert refusal(publish._check_up_to_date).startswith("dvc: cannot be run")
