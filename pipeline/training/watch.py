"""What is wrong with a training: layers whose neurons never fire, or always do, and a loss that goes nowhere."""

from math import log

RATE = "rate_"
"""Begins the column of a history that holds a layer's spikes per neuron and step."""
WORSE = 2.0
"""Times the loss of guessing from which on a training goes the wrong way."""
FULL = 0.99
"""Share of the most spikes possible from which on a layer counts as always firing."""


def warnings(name: str, found: dict[str, float], loss: float, classes: int, levels: int = 1) -> list[str]:
    """A line for each thing that is wrong with a training called `name`, whose cross-entropy over so many `classes` is `loss`."""
    told = []
    for layer, rate in found.items():
        if rate == 0:
            told.append(f"{name}: no neuron of layer {layer} fires; lower neuron.threshold, or raise network.init_gain")
        elif rate > FULL * levels:
            told.append(
                f"{name}: the neurons of layer {layer} fire nearly always; raise neuron.threshold, or lower network.init_gain"
            )
    if not loss <= WORSE * log(max(classes, 2)):
        told.append(f"{name}: the loss is {loss:.3g} where guessing has {log(classes):.3g}; lower the learning rate")
    return told
