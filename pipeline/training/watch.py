"""What is wrong with a training: layers whose neurons never fire, or always do, and a loss that goes nowhere."""

from collections.abc import Mapping
from math import log

RATE, SILENT = "rate_", "silent_"
"""Begin the columns of a history that hold a layer's spikes per neuron and step, and the share of its neurons that never fire."""
WORSE, NO_BETTER = 2.0, 0.98
"""Multiples of the loss of guessing: above the first a training goes wrong, above the second at its end it learned nothing."""
FULL = 0.99
"""Share of the most spikes possible from which on a layer counts as always firing."""
MOSTLY_SILENT = 0.95
"""Share of silent neurons from which on they are worth a word."""


def warnings(name: str, row: Mapping[str, float | None], classes: int, levels: int = 1, ended: bool = True) -> dict[str, str]:
    """A line for each thing that is wrong with a training called `name` after an epoch whose history has `row`, by what it is.

    `classes` are those of its cross-entropy, `levels` the most spikes of a neuron in a step; `ended`: it was the last epoch.
    """
    told = {}
    for layer, rate in ((column.removeprefix(RATE), rate) for column, rate in row.items() if column.startswith(RATE)):
        silent = row.get(f"{SILENT}{layer}") or 0.0
        if rate == 0 or silent > MOSTLY_SILENT:
            who = "no neuron of layer {} fires" if rate == 0 else f"{100 * silent:.1f} % of the neurons of layer {{}} never fire"
            told[f"silent {layer}"] = f"{name}: {who.format(layer)}; lower neuron.threshold, or raise network.init_gain"
        elif rate is not None and rate > FULL * levels:
            told[f"full {layer}"] = (
                f"{name}: the neurons of layer {layer} fire nearly always; raise neuron.threshold, or lower network.init_gain"
            )
    loss, guessing = row["class_loss"] or 0.0, log(max(classes, 2))
    if not loss <= WORSE * guessing:
        told["loss"] = f"{name}: the loss is {loss:.3g} where guessing has {guessing:.3g}; lower the learning rate"
    elif ended and loss > NO_BETTER * guessing:
        told["no better"] = f"{name}: the loss is {loss:.3g}, that of guessing; raise the learning rate, or train for more epochs"
    return told
