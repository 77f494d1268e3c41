"""Watch over a training: layers that no longer tell images apart because their neurons never fire, or always do."""

from math import log

import torch
from torch import Tensor

from pipeline.network.block import Block
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle
from pipeline.training.device import Compute

WORSE = 2.0
"""Times the loss of guessing from which on a training goes the wrong way."""
FULL = 0.99
"""Share of the most spikes possible from which on a layer counts as always firing."""


@torch.no_grad()
def rates(compute: Compute, block: Block, bundle: Bundle) -> dict[str, float]:
    """Spikes per neuron and step of each trunk layer with neurons, for the images of `bundle`; nothing of the block changes."""
    found: dict[str, float] = {}

    def measured(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        output = block.trunk.layer(plan, inputs)
        if plan.neurons:
            found[plan.name] = float(output.float().mean())
        return output

    training = block.training
    block.eval()
    with compute.autocast():
        block.trunk.outputs(bundle, measured)
    block.train(training)
    return found


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
