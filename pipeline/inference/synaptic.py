"""Synaptic operations counted from real spikes: one accumulation per spike and synapse that it reaches.

Unlike multiply-accumulates they depend on activity. A spike at the border of an image reaches fewer outputs, which is
counted exactly: a convolution of the spikes with ones, summed.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipeline.network.block import Block, features
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle


@torch.no_grad()
def synaptic_operations(block: Block, spikes: Tensor | Bundle) -> tuple[Tensor, Bundle]:
    """Operations per image float64 `[B]` in the convolutional and linear layers of `block`, and the bundle with its output."""
    counted: list[Tensor] = []

    def count(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        if plan.kind == "conv":
            counted.extend(_conv(x, one.kernel, one.stride) * plan.outputs[0] for x, one in zip(inputs, plan.inputs, strict=True))
        return block.trunk.layer(plan, inputs)

    bundle = block.trunk.outputs(spikes, count)
    flat = features(bundle[block.trunk.plans[-1].key])
    if block.hidden is not None:
        counted.append(_active(flat) * block.hidden.plan.neurons)
        flat = block.hidden(flat)
    outputs = len(block.readout) + (block.hcd is not None)
    counted.append(_active(flat) * outputs)
    return torch.stack(counted).sum(0), bundle


def _active(spikes: Tensor) -> Tensor:
    """Number of spikes (of either sign) per image `[B]` in `[T, B, ...]`."""
    return (spikes != 0).flatten(2).sum((0, 2)).double().cpu()


def _conv(spikes: Tensor, kernel: int, stride: int) -> Tensor:
    """Spike-to-position contacts per image `[B]`: for each output position the spikes in its receptive field."""
    active = (spikes != 0).float().sum(2, keepdim=True)
    ones = torch.ones(1, 1, kernel, kernel, device=spikes.device)
    with torch.autocast(spikes.device.type, enabled=False):  # bfloat16 counts to 256 only
        contacts = conv2d(active.flatten(0, 1), ones, stride=stride, padding=kernel // 2)
    return contacts.unflatten(0, spikes.shape[:2]).sum((0, 2, 3, 4), dtype=torch.float64).cpu()
