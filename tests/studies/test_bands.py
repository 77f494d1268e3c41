"""Bands from a single run, and from several."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.config import load_params
from pipeline.reporting.ledger.entry import load_entry
from studies.bands import bands
from studies.seeds import COVERAGE, expectations

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name",
    [
        "cifar10-resnet9-cpu",
        "cifar10-resnet9-cpu-flips",
        "cifar10-resnet9-cpu-dropout",
        "cifar10-vgg9-cpu",
        "cifar100-vgg16-cpu",
        "cifar100-resnet11-cpu",
    ],
)
def test_the_bands_of_the_experiments_run_once_are_those_of_their_published_runs(name):
    published = load_entry(ROOT / "reports/published" / name).summary
    params = load_params(ROOT / "experiments" / f"{name}.yaml")
    kept = [row.model_dump() for row in params.expectations]
    made = {row["metric"]: row for row in yaml.safe_load(bands(published, params))["expectations"]}
    for row in kept:
        assert made[row["metric"]]["min"] == pytest.approx(row["min"], abs=1e-3)
        assert made[row["metric"]]["max"] == pytest.approx(row["max"], abs=1e-3)


def test_end_to_end_at_full_depth_alone_says_nothing_of_seeds(make_params):
    accuracy = {"bloctrain_base": 0.7, "end_to_end": 0.8, "by_depth": {"bloctrain_base": {"b1": 0.6}, "end_to_end": {"b3": 0.8}}}
    text = bands({"accuracy": accuracy}, make_params({"baselines.end_to_end_learning_rate": 0.002}))
    assert "two seeds" not in text and "test images alone" in text


def test_fewer_images_and_seeds_further_apart_make_bands_wider(make_params):
    def width(images, second, rate=0.002):
        accuracy = {"by_depth": {"bloctrain_base": {"b1": 0.6}, "end_to_end": {"b1": second}}}
        params = make_params({"data.split.test": images, "baselines.end_to_end_learning_rate": rate})
        row = yaml.safe_load(bands({"accuracy": accuracy}, params))["expectations"][0]
        return row["max"] - row["min"]

    assert width(10000, 0.6) < width(100, 0.6)
    assert width(10000, 0.6) < width(10000, 0.62)
    assert width(10000, 0.6) == width(10000, 0.62, rate=0.001), "trainings at two learning rates say nothing of seeds"
    assert width(10000, 0.6) == pytest.approx(6 * (0.24 / 10000) ** 0.5, abs=2e-4)


def bands_of(known):
    """The bands over the runs that are the columns of a frame."""
    return yaml.safe_load(expectations(known.assign(mean=known.mean(axis=1), std=known.std(axis=1, ddof=1))))["expectations"]


def test_a_number_that_some_runs_lack_has_the_band_of_those_that_have_it():
    full = pd.DataFrame([[0.90, 0.91, 0.92]], index=["accuracy.x"], columns=["seed 0", "seed 1", "seed 2"])
    some = full.assign(**{"seed 3": float("nan"), "seed 4": float("nan")})
    assert bands_of(some) == bands_of(full)
    assert "own, 3 runs" in bands_of(some)[0]["source"]
    assert bands_of(full.assign(**{"seed 1": float("nan"), "seed 2": float("nan")})) is None, "one run has no spread"


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_a_further_run_falls_into_the_bands_of_a_few_as_often_as_promised(runs):
    drawn = np.random.default_rng(runs).normal(0.5, 0.01, (4000, runs + 1))
    known = pd.DataFrame(drawn[:, :runs], index=[f"accuracy.{trial}" for trial in range(len(drawn))])
    rows = bands_of(known)
    inside = np.mean([row["min"] <= further <= row["max"] for row, further in zip(rows, drawn[:, runs], strict=True)])
    assert inside == pytest.approx(COVERAGE, abs=0.003)  # three deviations of three runs hold 88 %, of five 95 %, of ten 98 %
