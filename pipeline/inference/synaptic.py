"""Synaptic operations counted from real spikes: one accumulation per spike and synapse that it reaches.

Unlike multiply-accumulates they depend on activity. A spike at the border of an image reaches fewer outputs, which is
counted exactly: a convolution of the spikes with ones, summed.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipeline.network import Block
from pipeline.network.layers import SpikingConv
from pipeline.network.plan import KERNEL


@torch.no_grad()
def synaptic_operations(block: Block, spikes: Tensor) -> tuple[Tensor, Tensor]:
    """Operations per image float64 `[B]` in the convolutional and linear layers of `block`, and its output spikes."""
    total = torch.zeros(spikes.shape[1], dtype=torch.float64)
    unit_input = spikes
    for layer, opens_unit in zip(block.trunk.layers.values(), block.trunk.opens_unit, strict=True):
        if opens_unit:
            unit_input = spikes
        if isinstance(layer, SpikingConv):
            total += _conv(spikes, KERNEL, layer.plan.stride) * layer.plan.outputs[0]
            if layer.shortcut is not None:
                total += _conv(unit_input, 1, layer.plan.stride_shortcut) * layer.plan.outputs[0]
        spikes = layer(spikes, unit_input)
    flat = spikes.permute(0, 1, 3, 4, 2).flatten(2)
    if block.hidden is not None:
        total += _active(flat) * block.hidden.plan.neurons
        flat = block.hidden(flat)
    outputs = len(block.readout) + (block.hcd is not None)
    return total + _active(flat) * outputs, spikes


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
