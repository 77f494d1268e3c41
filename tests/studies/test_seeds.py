import shutil

import pandas as pd
import pytest
import yaml
from tiny_run import tiny_content

from pipeline.base.files import write_json
from pipeline.config import parse_params
from studies.seeds import expectations, finished


@pytest.fixture
def run_of(tmp_path):
    """`run_of(seed, accuracy)`: the folder of a finished run with those, and no more than is read of it."""

    def make(seed, accuracy, **changes):
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        (folder / "reports").mkdir(parents=True)
        (folder / "params.yaml").write_text(yaml.safe_dump(tiny_content() | {"seed": seed} | changes, sort_keys=False))
        write_json(folder / "reports/summary.json", {"accuracy": {"bloctrain": accuracy}})
        return folder

    return make


PARAMS = parse_params(tiny_content())


def test_finished_runs_by_seed(run_of):
    found = finished([run_of(0, 0.5), run_of(3, 0.75, experiment="digits")], PARAMS)
    assert found == {"seed 0": {"accuracy.bloctrain": 0.5}, "seed 3": {"accuracy.bloctrain": 0.75}}


def test_a_run_may_have_trained_other_baselines(run_of):
    more = run_of(1, 0.75, baselines=tiny_content()["baselines"] | {"trained": ["end_to_end"]})
    assert finished([run_of(0, 0.5), more], PARAMS)["seed 1"] == {"accuracy.bloctrain": 0.75}


def test_runs_that_do_not_belong_together_are_refused(run_of, refusal):
    other = run_of(1, 0.5, encoding={"time_steps": 7, "max_rate_hz": 1000.0})
    assert "its parameters are not those of params.yaml" in refusal(finished, [run_of(0, 0.5), other], PARAMS)
    assert "seed 2 was given already" in refusal(finished, [run_of(2, 0.5), run_of(2, 0.6)], PARAMS)
    assert "one run tells nothing" in refusal(finished, [run_of(0, 0.5)], PARAMS)
    empty = run_of(1, 0.5)
    shutil.rmtree(empty / "reports")
    assert "summary.json" in refusal(finished, [run_of(0, 0.5), empty], PARAMS)


def test_bands_follow_from_the_runs():
    table = pd.DataFrame({f"seed {seed}": {"accuracy.bloctrain": value} for seed, value in enumerate((0.70, 0.72, 0.74))})
    table = table.assign(mean=table.mean(axis=1), std=table.std(axis=1, ddof=1))
    # By hand: mean 0.72, sd 0.02, Student's t of 2 degrees at 99.85 % is 18.2, times sqrt(4 / 3).
    assert "min: 0.299" in expectations(table) and "max: 1.0" in expectations(table)
