"""The paper's advice on its thresholds, with a guard for each answer."""

from dataclasses import replace
from typing import Any

import pytest
from fake_entry import make_entry

from pipeline.reporting.claims.experiments import ADVISED, advise
from pipeline.reporting.claims.paper import load_claims
from pipeline.reporting.ledger.entry import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, Entry, Finding


def sweep(**efficiency: float) -> list[dict[str, Any]]:
    return [
        {"theta_conf": 0.99, "accuracy": 0.60, "compute_efficiency": 2.0},
        {"theta_conf": 0.999, "accuracy": 0.63, "compute_efficiency": efficiency.get("at_0_999", 1.5)},
        {"theta_conf": 1.0, "accuracy": 0.63, "compute_efficiency": 1.4},
    ]


def row(threshold: float, validation: float, compute: float) -> dict[str, Any]:
    return {"threshold": threshold, "validation accuracy": validation, "test accuracy": 0.62, "compute efficiency": compute}


def studied(**parts: Any) -> Entry:
    """A CIFAR-10 experiment with a sweep and a study of its threshold; `dataset`, `sweep`, `thresholds` replace parts of it."""
    rows = [row(-1, 0.638, 1.6), row(0, 0.640, 1.4), row(1, 0.641, 1.2)]
    tradeoff = [entry | {"method": "bloctrain", "split": "test"} for entry in parts.get("sweep", sweep())]
    entry = make_entry("studied", dataset=parts.get("dataset", "cifar10"), tradeoff=tradeoff)
    return replace(entry, thresholds=parts.get("thresholds", rows))


def finding(experiment: Entry, name: str) -> Finding:
    return advise(experiment, load_claims()[f"heuristics.{name}"])


def test_every_advice_has_an_answer_or_says_why() -> None:
    names = [claim.name for claim in load_claims().values() if claim.section == "heuristics"]
    answers = {name: finding(studied(), name) for name in names}
    assert [name for name, answer in answers.items() if not answer.text] == ["hardness_threshold_cifar100"]
    assert all(answer.reason for answer in answers.values())


def test_the_advised_threshold_must_be_the_one_of_least_compute_near_the_best_validation_accuracy() -> None:
    below = [row(-2, 0.630, 1.8)]
    assert finding(studied(thresholds=[*below, *studied().thresholds]), "hardness_threshold_cifar10").verdict == DIRECTION
    cheaper = finding(studied(thresholds=[row(-2, 0.638, 1.8), *studied().thresholds]), "hardness_threshold_cifar10")
    assert cheaper.verdict == NOT_TESTABLE and "lower ones may cost less" in cheaper.reason
    assert finding(studied(), "hardness_threshold_cifar10").verdict == NOT_TESTABLE
    too_inaccurate = [row(-1, 0.630, 1.6), row(0, 0.640, 1.4)]
    answer = finding(studied(thresholds=too_inaccurate), "hardness_threshold_cifar10")
    assert answer.verdict == NOT_REPRODUCED and "mean +0 std" in answer.text


@pytest.mark.parametrize(
    "experiment",
    [studied(thresholds=[]), studied(thresholds=[row(0, 0.6, 1.4)]), studied(dataset="digits")],
    ids=["no study", "not the advised threshold", "other data"],
)
def test_without_a_study_on_its_data_the_advised_threshold_is_not_tested(experiment: Entry) -> None:
    answer = finding(experiment, "hardness_threshold_cifar10")
    assert (answer.text, answer.verdict) == ("", NOT_TESTABLE)


def test_the_recommended_theta_must_save_operations_at_little_cost() -> None:
    assert finding(studied(), "theta_conf_recommended").verdict == DIRECTION
    assert finding(studied(sweep=sweep(at_0_999=1.4)), "theta_conf_recommended").verdict == NOT_REPRODUCED
    costly = [*sweep()[:1], {**sweep()[1], "accuracy": 0.624}, sweep()[2]]
    assert finding(studied(sweep=costly), "theta_conf_recommended").verdict == NOT_REPRODUCED
    assert finding(studied(sweep=sweep()[:1]), "theta_conf_recommended").verdict == NOT_TESTABLE


def test_the_range_of_theta_ends_at_the_papers() -> None:
    outside = [*sweep(), {"theta_conf": 0.5, "accuracy": 0.2, "compute_efficiency": 9.0}]
    assert finding(studied(sweep=outside), "theta_conf_range") == finding(studied(), "theta_conf_range")


def test_the_papers_thresholds_are_those_of_its_text() -> None:
    values = {claim.name: claim.value for claim in load_claims().values() if claim.section == "heuristics"}
    assert {values[name] for name in ADVISED} == {"about mean - std", "about mean + 0.5 std"}
