"""How much trainings vary, and which differences are therefore none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_entry import make_entry
from fake_run import digits_params, paper_params, write_run

from pipeline.analysis.noise import Spread, accuracy_noise, variation
from pipeline.base.files import write_json
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.reporting.claims.experiments import FREE
from pipeline.reporting.claims.facts import Facts, load_facts, pooled
from pipeline.reporting.claims.table import COLUMNS, claims_table
from pipeline.reporting.ledger.alike import same_parameters
from pipeline.reporting.ledger.entry import Entry, load_entry, load_ledger, load_spreads

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "reports/published"


def with_and_without(facts: Facts, plain: float, pair: float = 0.0, **changes: Any) -> list[str]:
    """The row of the claim on residual connections, where the ledger holds two twins: accuracy 0.864 with shortcuts and `plain`
    without, `pair` the difference of two trainings of the first block."""
    entries = []
    for name, shortcuts, own in (("with", True, 0.864), ("without", False, plain)):
        content = paper_params() | {"experiment": name} | (changes if not shortcuts else {})
        content["network"] = {**content["network"], "shortcuts": shortcuts}
        content["baselines"] = {"end_to_end_learning_rate": content["blocks"]["b1"]["learning_rate"]}
        depths = {method: {"b1": first} for method, first in (("bloctrain_base", 0.61), ("end_to_end", 0.61 + pair))}
        accuracy = {"bloctrain": own, "bloctrain_base": own, "end_to_end": own, "by_depth": depths}
        entries.append(make_entry(name, content, summary={"accuracy": accuracy, "efficiency": {}}))
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


def test_parameters_are_compared_as_data() -> None:
    old = {"experiment": "a", "data": {"path": "x", "source": "cifar10", "image_size": 32}, "training": {"epochs": 3}}
    new = {"experiment": "b", "data": {"path": None, "source": "image_folder", "image_size": 32}, "training": {"epochs": 3}}
    assert same_parameters(old, new, FREE)
    assert same_parameters(old, new | {"training": {"epochs": 3, "dropout": 0.0, "augmentation": "none", "extra": []}}, FREE)
    assert not same_parameters(old, new | {"training": {"epochs": 3, "dropout": 0.3}}, FREE), "the other run had no such option"
    assert not same_parameters(old, new | {"training": {"epochs": 4}}, FREE)
    assert same_parameters(old, new | {"encoding": {"kind": "poisson"}, "neuron": {"levels": 1}}, FREE)
    assert not same_parameters(old, new | {"encoding": {"kind": "direct"}}, FREE)
    assert not same_parameters(old, new | {"neuron": {"levels": 4}}, FREE)
    weights = [same_parameters(old, new | {"partition": {"earlier_logits": weight}}, FREE) for weight in (0.0, 0.5, 1.0)]
    assert weights == [False, False, True], "0 is a choice like any other where 1 switches the option off"


@pytest.mark.parametrize("entry", load_ledger(PUBLISHED), ids=lambda entry: entry.name)
def test_records_are_alike_what_they_mean_today(entry: Entry) -> None:
    """A parameter that was added since, at its default, does not set a run apart from its record."""
    today = load_params(ROOT / "experiments" / f"{entry.name}.yaml").model_dump(mode="json")
    assert same_parameters(entry.parameters, today, ("expectations", "data.source", "data.path", "baselines.trained"))


def test_a_spread_belongs_to_parameters_not_to_a_name(tmp_path: Path) -> None:
    params = digits_params()
    results = write_run(tmp_path, params)
    folder = Folders(tmp_path).published / params["experiment"]
    folder.mkdir(parents=True)
    (folder / "seeds.csv").write_text("metric,seed 0,seed 1\naccuracy.bloctrain,0.8,0.9\n")
    for changes, count in (({}, 1), ({"seed": 5}, 1), ({"training": params["training"] | {"epochs": 1}}, 0)):
        write_json(folder / "entry.json", make_entry(params["experiment"], params | changes).to_json())
        assert len(load_facts(results, Folders(tmp_path)).spreads) == count, changes


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"seed": 5}, True),
        ({"partition": {"metric": "recall", "threshold": {"mode": "relative", "value": 1.0}}}, True),
        ({"encoding": {"time_steps": 5, "max_rate_hz": 1000.0}}, False),
    ],
)
def test_a_study_of_the_threshold_belongs_to_parameters_not_to_a_name(digits: Facts, changes: Any, same: bool) -> None:
    studied = make_entry("fake", digits_params() | changes, thresholds=[{"threshold": 0.0}])
    for where in ("ledger", "published"):
        assert replace(digits, **{where: [studied]}).own.thresholds == (studied.thresholds if same else ())


def recorded(digits: Facts, train: int = 0, **data: Any) -> dict[str, Any]:
    """What an entry records of the images of the run in force, with other numbers of two classes and other fields."""
    known = {key: digits.results.manifest[key] for key in ("source", "image_shape", "counts", "sha256_of_pixels")}
    numbers = known["counts"]["train"]["per_class"]
    changed = {"per_class": [numbers[0] + train, numbers[1] - train, *numbers[2:]]}
    return {"data": known | {"counts": known["counts"] | {"train": changed}} | data}


PIXELS = {"sha256_of_pixels": {"train": "another"}}


@pytest.mark.parametrize(
    ("seed", "changes", "same"),
    [
        (0, {}, True),
        (0, PIXELS, False),
        (5, PIXELS, True),
        (5, {"train": 2}, True),
        (5, {"train": 3}, False),
        (5, {"image_shape": [3, 16, 16]}, False),
        (5, {"class_names": ["cat", "dog"]}, False),
    ],
)
def test_studies_belong_to_data_not_to_a_name(tmp_path: Path, digits: Facts, seed: int, changes: Any, same: bool) -> None:
    folder = Folders(tmp_path).published / "fake"
    folder.mkdir(parents=True)
    (folder / "seeds.csv").write_text("metric,seed 0,seed 1\naccuracy.bloctrain,0.8,0.9\n")
    (folder / "thresholds.csv").write_text("threshold,test accuracy\n0,0.9\n")
    entry = make_entry("fake", digits_params() | {"seed": seed}, provenance=recorded(digits, **changes))
    write_json(folder / "entry.json", entry.to_json())
    facts = load_facts(digits.results.params, Folders(tmp_path))
    assert (len(facts.spreads), len(facts.own.thresholds)) == ((1, 1) if same else (0, 0))


def test_a_difference_within_that_of_two_trainings_of_one_block_is_none(digits: Facts) -> None:
    # t of two pairs is 4.3: by hand the noise reaches the difference of 0.019 where both pairs are 0.0038 apart.
    assert with_and_without(digits, 0.845, pair=0.0036)[COLUMNS.index("verdict")] == "same direction"
    assert with_and_without(digits, 0.845, pair=0.0040)[COLUMNS.index("verdict")] == "not testable here"


def test_spread_over_seeds(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/seeds.csv").write_text("metric,seed 0,seed 1,mean,std\naccuracy.bloctrain,0.9,0.8,0,0\n")
    spread = load_spreads(tmp_path / "tiny")["accuracy.bloctrain"]
    assert (spread.mean, spread.seeds) == (pytest.approx(0.85), 2)
    assert spread.std == pytest.approx(0.0707, abs=1e-4)
    assert load_spreads(tmp_path / "another") == {}
    assert load_ledger(tmp_path) == []  # seeds alone make no entry


def test_a_seed_without_a_block_is_left_out_of_the_blocks_spread(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text("metric,seed 0,seed 1,seed 2\naccuracy.by_depth.bloctrain.b3,0.9,,0.8\n")
    assert load_spreads(tmp_path)["accuracy.by_depth.bloctrain.b3"].seeds == 2


def test_a_number_of_one_seed_has_no_spread(tmp_path: Path) -> None:
    write_json(tmp_path / "entry.json", make_entry("tiny").to_json())
    (tmp_path / "seeds.csv").write_text("metric,seed 0,seed 1,mean,std\naccuracy.end_to_end,,0.8,0.8,\n")
    entry = load_entry(tmp_path)
    assert entry.once == {"accuracy.end_to_end": 0.8} and entry.spreads == {}


def test_a_difference_within_the_spread_of_seeds_is_none(digits: Facts) -> None:
    assert digits.clearly(0.90, 0.85) == 1
    noisy = Facts(digits.results, digits.summary, {"accuracy.bloctrain": Spread(0.9, 0.05, 5)})
    assert noisy.clearly(0.90, 0.85) == 0


def test_few_trainings_know_their_variation_badly() -> None:
    at = {seeds: variation({"accuracy.x": Spread(0.9, 0.01, seeds)}, []) for seeds in (2, 5, 1000)}
    found = {seeds: accuracy_noise(1.0, 1.0, 100, known) for seeds, known in at.items()}  # no noise of test images
    assert [found[seeds] / (0.01 * 2**0.5) for seeds in at] == pytest.approx([12.706, 2.776, 1.962], abs=1e-3)


def test_pairs_of_trainings_are_pooled() -> None:
    def run(first: float, second: float, rate: float = 0.0001) -> Entry:
        content = paper_params()
        content["blocks"]["b1"]["learning_rate"] = rate
        depths = {"bloctrain_base": {"b1": first}, "end_to_end": {"b1": second}}
        return make_entry("run", content, summary={"accuracy": {"by_depth": depths}})

    known = pooled({}, [run(0.60, 0.61), run(0.60, 0.57), run(0.2, 0.9, rate=0.01)])
    assert (known.deviation, known.freedom) == (pytest.approx(((0.01**2 + 0.03**2) / 4) ** 0.5), 2)
    assert known.source == "2 pairs of trainings of block 1"
    assert pooled({}, []).freedom == 0


def test_published_experiments_on_the_same_data_tell_the_variation(digits: Facts) -> None:
    own = digits.variation.freedom
    content = paper_params()
    content["baselines"]["end_to_end_learning_rate"] = content["blocks"]["b1"]["learning_rate"]
    depths = {"by_depth": {"bloctrain_base": {"b1": 0.6}, "end_to_end": {"b1": 0.61}}}
    names = (("one", "digits"), ("two", "cifar10"), ("fake", "digits"))
    ledger = [make_entry(name, content, dataset=data, summary={"accuracy": depths}) for name, data in names]
    assert replace(digits, ledger=ledger).variation.freedom == own + 1
    assert replace(digits, published=ledger).variation.freedom == own + 1


def test_a_record_older_than_a_parameter_did_what_the_parameter_says_by_default():
    older = {"seed": 0, "data": {"source": "digits"}}
    newer = {"seed": 0, "data": {"source": "digits", "split": {"held_out": True}}}
    both = {"baselines": {"trained": ["bloctrain_base", "end_to_end"]}}
    assert same_parameters(older, newer | both, ())
    assert not same_parameters(older, newer | {"baselines": {"trained": []}}, ())
    assert not same_parameters(older, {"seed": 0, "data": {"source": "digits", "split": {"held_out": False}}}, ())
