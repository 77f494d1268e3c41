"""Do residual connections help? Two experiments, in force or published, that differ in the shortcuts alone."""

from dataclasses import dataclass
from typing import Any

from pipeline.config import Params
from pipeline.reporting.facts import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, Finding, accuracy_noise, percent, variation
from pipeline.reporting.ledger import load_spreads
from pipeline.reporting.results import METHODS, NAMES

FREE = {"experiment", "expectations", "network"}
"""Parameters in which the two experiments may differ. With the network that includes the gain of the initial weights: shortcuts
add to a layer's input, so without them deep layers need a larger gain to spike at all."""


@dataclass(frozen=True)
class Side:
    """One experiment of the comparison; `dataset` and `scale` as the tables name them."""

    name: str
    params: Params
    summary: dict[str, Any]
    dataset: str
    scale: str


def residual_pairs(sides: list[Side]) -> list[tuple[Side, Side]]:
    """(with shortcuts, without) for all experiments that differ in nothing else."""
    return [
        (first, second)
        for first in sides
        for second in sides
        if first.params.network.shortcuts and not second.params.network.shortcuts and _rest(first) == _rest(second)
    ]


def compare_residuals(residual: Side, plain: Side, sides: list[Side]) -> Finding:
    """BlocTrain at full depth decides; the other methods are named beside it. `sides`: all experiments on this data, whose pairs
    of trainings say how much trainings vary."""
    pairs = {method: [float(side.summary["accuracy"][method]) for side in (plain, residual)] for method in METHODS}
    text = "; ".join(f"{NAMES[method]} {percent(pair[0])} without, {percent(pair[1])} with" for method, pair in pairs.items())
    before, after = pairs[METHODS[0]]
    trainings = variation(load_spreads(residual.name), [(side.summary, side.params) for side in sides])
    noise = accuracy_noise(before, after, residual.params.data.split.test, trainings)
    gains = f"init_gain {plain.params.network.init_gain:g} and {residual.params.network.init_gain:g}"
    words = f"BlocTrain is more accurate with shortcuts than without ({gains})"
    if abs(after - before) <= noise:
        return Finding(text, NOT_TESTABLE, f"{words}: within the noise of {100 * noise:.2f} points")
    holds = after > before
    return Finding(text, DIRECTION if holds else NOT_REPRODUCED, f"{'holds' if holds else 'does not hold'}: {words}")


def _rest(side: Side) -> dict[str, Any]:
    """What must agree; where the images were read from does not matter."""
    data = side.params.data.model_dump(exclude={"source", "path"}) | {"dataset": side.dataset}
    return side.params.model_dump(exclude=FREE) | {"data": data}
