"""What looks wrong with a finished run is said in its report."""

from pathlib import Path

import pandas as pd
import pytest
from fake_run import EASY, digits_params, write_run

from pipeline.analysis import plot
from pipeline.base.folders import Folders
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures.curves import spike_rates
from pipeline.reporting.health import health, trainings
from pipeline.reporting.results import load_results


def run(root: Path, rate: float = 0.1, loss: float = 0.4, recall: float = 0.8) -> list[str]:
    """The health of a run whose block 1 has these values after its last epoch; its end-to-end network falls with depth."""
    params = write_run(root, digits_params())
    history = pd.read_csv(root / "runs/b1/history.csv").assign(rate_b1_0=0.1, rate_b1_1=0.2)
    history.loc[history.index[-1], ["rate_b1_0", "class_loss"]] = rate, loss
    history.to_csv(root / "runs/b1/history.csv", index=False)
    table = pd.read_csv(root / "runs/b1/class_accuracy.csv")
    table.loc[EASY[0], "recall"] = recall
    table.to_csv(root / "runs/b1/class_accuracy.csv", index=False)
    return health(load_results(params, Folders(root)))


def test_a_healthy_block_has_no_line(tmp_path: Path) -> None:
    (fallen,) = run(tmp_path)
    assert fallen.startswith("end-to-end: test accuracy falls with depth, 85.0 % up to b1 and 80.0 % up to b3")


@pytest.mark.parametrize(("change", "words"), [
    ({"rate": 0.0}, "BlocTrain b1: no neuron of layer b1_0 fires"),
    ({"rate": 1.0}, "BlocTrain b1: the neurons of layer b1_0 fire nearly always"),
    ({"loss": 9.0}, "BlocTrain b1: the loss is 9 where guessing has 2.3"),
    ({"recall": 0.0}, f"b1: none of the images of class <{EASY[0]}> is recognised, and yet"),
])  # fmt: skip
def test_what_is_wrong_is_named(change: dict[str, float], words: str, tmp_path: Path) -> None:
    assert [line for line in run(tmp_path, **change) if words in line]


def test_rates_are_read_by_layer_and_drawn(digits: Facts, tmp_path: Path) -> None:
    run(tmp_path)
    results = load_results(digits.results.params, Folders(tmp_path))
    first = trainings(results)[0]
    assert first.rates == {"b1_0": [0.1] * 5, "b1_1": [0.2] * 5} and first.key == "b1"
    with plot.style():
        drawn = spike_rates(Facts(**vars(digits) | {"results": results}), Reference(None))
    assert drawn.alt.endswith("BlocTrain: b1_0 0.100, b1_1 0.200.")
