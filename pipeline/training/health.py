"""How often the neurons of each layer fire, to watch over a training."""

import torch
from torch import Tensor

from pipeline.network.block import Block
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle
from pipeline.training.device import Compute


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
