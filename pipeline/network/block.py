"""A trunk of spiking layers, and a block: a trunk with its classifier and, from the second on, hard class detector."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingPool
from pipeline.neuron import leaky_sum


class Trunk(nn.Module):
    """Spiking layers in sequence, with shortcuts inside residual units. Layer names are unique across blocks, so the
    weights of several blocks load into one trunk."""

    def __init__(self, layers: list[SpikingConv | SpikingPool]):
        super().__init__()
        self.layers = nn.ModuleDict({layer.plan.name: layer for layer in layers})
        self.opens_unit = [layer.plan.opens_unit for layer in layers]
        self.steps = _steps(layers)

    def forward(self, spikes: Tensor) -> Tensor:
        """Spikes `[T, B, C', H', W']` of input spikes `[T, B, C, H, W]`."""
        unit_input = spikes
        for name, opens_unit, pool in self.steps:
            if opens_unit:
                unit_input = spikes
            layer = self.layers[name]
            spikes = layer(spikes, unit_input, pool) if pool > 1 else layer(spikes, unit_input)
        return spikes


def _steps(layers: list[SpikingConv | SpikingPool]) -> list[tuple[str, bool, int]]:
    """(name, whether it opens a unit, pooling that it computes as well) of each layer that is called."""
    steps: list[tuple[str, bool, int]] = []
    for before, layer in zip([None, *layers], layers, strict=False):
        if isinstance(before, SpikingConv) and isinstance(layer, SpikingPool) and before.can_pool(layer):
            steps[-1] = (*steps[-1][:2], layer.plan.stride)
        else:
            steps.append((layer.plan.name, layer.plan.opens_unit, 1))
    return steps


class Dropout(NamedTuple):
    """In training, the inputs of the classifier that each image keeps: `mask` `[B, N]` in {0, 1}, the same for all steps, with N
    over [H, W, C]; `share` of them is dropped."""

    mask: Tensor
    share: float


class BlockOutput(NamedTuple):
    """spikes `[T, B, C, H, W]` for the next block; logits `[B, K]` and hcd_logit `[B]` (or None), the last membrane
    potentials of the output layer; summary `[B, N]`, the leaky sum of spikes that both are linear in."""

    spikes: Tensor
    logits: Tensor
    hcd_logit: Tensor | None
    summary: Tensor


class Block(nn.Module):
    """Trunk, classifier (a hidden spiking layer unless linear, then the readout) and, if `hcd`, the HCD unit."""

    def __init__(
        self, trunk: Trunk, hidden: SpikingLinear | None, readout_inputs: int, classes: int, hcd: bool,
        leak: float, generator: torch.Generator,
    ):  # fmt: skip
        super().__init__()
        self.trunk, self.hidden, self.leak = trunk, hidden, leak
        scale = readout_inputs**-0.5
        self.readout = nn.Parameter(torch.randn(classes, readout_inputs, generator=generator) * scale)
        self.hcd = nn.Parameter(torch.randn(readout_inputs, generator=generator) * scale) if hcd else None

    @property
    def classifier_inputs(self) -> int:
        """Features of the trunk's output, H * W * C."""
        return self.hidden.plan.fan_in if self.hidden is not None else self.readout.shape[1]

    def forward(self, spikes: Tensor, dropout: Dropout | None = None) -> BlockOutput:
        """Run input spikes `[T, B, C, H, W]` through trunk and classifier."""
        spikes = self.trunk(spikes)
        return BlockOutput(spikes, *self.classify(spikes, dropout))

    def classify(self, spikes: Tensor, dropout: Dropout | None = None) -> tuple[Tensor, Tensor | None, Tensor]:
        """(logits, hcd_logit, summary) of trunk output `[T, B, C, H, W]`. The readout is in full precision."""
        flat = spikes.permute(0, 1, 3, 4, 2).flatten(2)  # features run over [H, W, C], as channels-last memory does
        kept = 1.0
        if dropout is not None:
            flat, kept = flat * dropout.mask.to(flat.dtype), 1 - dropout.share
        if self.hidden is not None:
            flat, kept = self.hidden(flat, kept), 1.0
        with torch.autocast(spikes.device.type, enabled=False):
            summary = leaky_sum(flat, self.leak) / kept
            logits = summary @ self.readout.T
            hcd_logit = summary @ self.hcd if self.hcd is not None else None
        return logits, hcd_logit, summary
