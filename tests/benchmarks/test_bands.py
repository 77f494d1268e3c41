"""Bands from a single run."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.bands import bands

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["cifar10-resnet9-cpu", "cifar10-vgg9-cpu"])
def test_the_bands_of_the_experiments_run_once_are_those_of_their_published_runs(name):
    published = json.loads((ROOT / "reports/published" / name / "summary.json").read_text())
    kept = yaml.safe_load((ROOT / "experiments" / f"{name}.yaml").read_text())["expectations"]
    made = {row["metric"]: row for row in yaml.safe_load(bands(published, 10000))["expectations"]}
    for row in kept:
        assert made[row["metric"]]["min"] == pytest.approx(row["min"], abs=1e-3)
        assert made[row["metric"]]["max"] == pytest.approx(row["max"], abs=1e-3)


def test_fewer_images_and_seeds_further_apart_make_bands_wider():
    def width(images, second):
        accuracy = {"by_depth": {"bloctrain_base": {"b1": 0.6}, "end_to_end": {"b1": second}}}
        row = yaml.safe_load(bands({"accuracy": accuracy}, images))["expectations"][0]
        return row["max"] - row["min"]

    assert width(10000, 0.6) < width(100, 0.6)
    assert width(10000, 0.6) < width(10000, 0.62)
    assert width(10000, 0.6) == pytest.approx(6 * (0.24 / 10000) ** 0.5, abs=2e-4)
