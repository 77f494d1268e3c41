"""Synaptic operations counted from real spikes: one accumulation per spike and synapse that it reaches.

Unlike multiply-accumulates they depend on activity. A spike at the border of an image reaches fewer outputs, which is
counted exactly: a convolution of the spikes with ones, summed.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipeline.network.block import Block, features
from pipeline.network.plan import InputPlan, LayerPlan
from pipeline.network.walk import Bundle


@torch.no_grad()
def synaptic_operations(block: Block, spikes: Tensor | Bundle) -> tuple[Tensor, Bundle]:
    """Operations per image float64 `[B]` in the convolutional and linear layers of `block`, and the bundle with its output."""
    counted: list[Tensor] = []

    def count(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        if plan.kind == "conv":
            counted.extend(_conv(x, one) * plan.outputs[0] for x, one in zip(inputs, plan.inputs, strict=True))
        return block.trunk.layer(plan, inputs)

    bundle = block.trunk.outputs(spikes, count)
    own = bundle[block.trunk.plans[-1].key]
    for layer in block.head:
        plan: Any = layer.plan
        counted.append(_conv(own, plan.main) * plan.outputs[0])
        own = layer([own])
    flat, reaching = features(own, block.readout_pool), _active(own)
    if block.hidden is not None:
        counted.append(reaching * block.hidden.plan.neurons)
        reaching = _active(block.hidden(flat))
    outputs = len(block.readout) + (block.hcd is not None)
    counted.append(reaching * outputs)
    return torch.stack(counted).sum(0), bundle


def _active(spikes: Tensor) -> Tensor:
    """Number of spikes (of either sign, those of integer neurons as many as they are) per image `[B]` in `[T, B, ...]`."""
    return spikes.abs().flatten(2).sum((0, 2), dtype=torch.float64).cpu()


def _conv(spikes: Tensor, one: InputPlan) -> Tensor:
    """Spike-to-position contacts per image `[B]`: for each output position the spikes in its receptive field."""
    events = (spikes != 0) if one.kind == "analog" else spikes.abs()
    active = events.float().sum(2, keepdim=True)
    ones = torch.ones(1, 1, one.kernel, one.kernel, device=spikes.device)
    with torch.autocast(spikes.device.type, enabled=False):  # bfloat16 counts to 256 only
        contacts = conv2d(active.flatten(0, 1), ones, stride=one.stride, padding=one.kernel // 2)
    return contacts.unflatten(0, spikes.shape[:2]).sum((0, 2, 3, 4), dtype=torch.float64).cpu()
