"""How often the neurons of each layer fire, to watch over a training."""

import torch
from torch import Tensor

from pipeline.network.block import Block
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle
from pipeline.training.device import Compute
from pipeline.training.watch import RATE, SILENT


@torch.no_grad()
def firing(compute: Compute, block: Block, bundle: Bundle) -> dict[str, float]:
    """Columns of a history for each trunk layer with neurons: RATE, its spikes per neuron and step, and SILENT, the share of its
    neurons that never fire, for the images of `bundle`. Nothing of the block changes."""
    found: dict[str, float] = {}

    def measured(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        output = block.trunk.layer(plan, inputs)
        if plan.neurons:
            found[f"{RATE}{plan.name}"] = float(output.float().mean())
            found[f"{SILENT}{plan.name}"] = 1 - float((output != 0).any(0).any(0).float().mean())
        return output

    training = block.training
    block.eval()
    with compute.autocast():
        block.trunk.outputs(bundle, measured)
    block.train(training)
    return found
