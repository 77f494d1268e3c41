"""Spiking layers: synapses and the neurons they feed, over whole spike trains.

Convolutions see time folded into the batch, `[T*B, C, H, W]`; neurons see `[T, B, ...]`. No biases, no normalisation.
Each layer has two ways to the same result: the reference (no scans), plain operations under automatic
differentiation, and the lean one by the engine's scans.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from pipeline.network.engine import Engine, choose_engine
from pipeline.network.plan import KERNEL, LayerPlan
from pipeline.network.synapse import Synapse, lean_pool, spiking_synapses
from pipeline.neuron import LIF, lif, pool_and_fire

REFERENCE = choose_engine("reference", "cpu")


def _weight(*shape: int, fan_in: int, gain: float, generator: torch.Generator) -> nn.Parameter:
    """Normal with standard deviation gain * sqrt(2 / fan_in) (He et al. 2015, arXiv:1502.01852)."""
    return nn.Parameter(torch.randn(shape, generator=generator) * (gain * (2 / fan_in) ** 0.5))


class SpikingConv(nn.Module):
    """3x3 convolution, plus a 1x1 one from the unit's input where the plan has a shortcut, into LIF neurons."""

    def __init__(self, plan: LayerPlan, neuron: LIF, gain: float, generator: torch.Generator, engine: Engine = REFERENCE):
        super().__init__()
        self.plan, self.neuron, self.engine = plan, neuron, engine
        channels = plan.outputs[0]
        self.weight = _weight(channels, plan.inputs[0], KERNEL, KERNEL, fan_in=plan.fan_in, gain=gain, generator=generator)
        self.shortcut = None
        if plan.shortcut:
            inputs = plan.shortcut[0]
            self.shortcut = _weight(channels, inputs, 1, 1, fan_in=inputs, gain=gain, generator=generator)

    def can_pool(self, pool: "SpikingPool") -> bool:
        """Whether `forward` can compute the pooling neurons after this layer as well."""
        return self.engine.events and (self.neuron.threshold, self.neuron.delay) == (pool.neuron.threshold, pool.neuron.delay)

    def forward(self, spikes: Tensor, unit_input: Tensor | None = None, pool: int = 1) -> Tensor:
        """Spikes `[T, B, C', H', W']` of spikes `[T, B, C, H, W]` and the unit's input, where there is a shortcut; with `pool`
        above 1, those of the pooling neurons after this layer, where it `can_pool`."""
        plan = self.plan
        if self.engine.scans is not None:
            main, extra = Synapse(spikes, self.weight, plan.stride, plan.signed), None
            if unit_input is not None and self.shortcut is not None:
                extra = Synapse(unit_input, self.shortcut, plan.stride_shortcut, plan.signed_shortcut)
            return spiking_synapses(main, extra, self.neuron, self.engine.scans, self.engine.events, pool)
        current = conv2d(spikes.flatten(0, 1), self.weight, stride=plan.stride, padding=KERNEL // 2)
        if unit_input is not None and self.shortcut is not None:
            current = current + conv2d(unit_input.flatten(0, 1), self.shortcut, stride=plan.stride_shortcut)
        return lif(current.unflatten(0, spikes.shape[:2]), self.neuron)


class SpikingPool(nn.Module):
    """Average pooling into integrate-and-fire neurons."""

    def __init__(self, plan: LayerPlan, neuron: LIF, engine: Engine = REFERENCE):
        super().__init__()
        self.plan, self.neuron, self.engine = plan, neuron, engine

    def forward(self, spikes: Tensor, unit_input: Tensor | None = None) -> Tensor:
        size, threshold, delay = self.plan.stride, self.neuron.threshold, self.neuron.delay
        if self.engine.scans is not None:
            return lean_pool(spikes, size, threshold, delay, self.engine.scans)
        return pool_and_fire(spikes, size, threshold, delay)


class SpikingLinear(nn.Module):
    """Fully connected synapses into LIF neurons: spikes `[T, B, N]` to spikes `[T, B, M]`."""

    def __init__(self, plan: LayerPlan, neuron: LIF, gain: float, generator: torch.Generator, engine: Engine = REFERENCE):
        super().__init__()
        self.plan, self.neuron, self.engine = plan, neuron, engine
        self.weight = _weight(plan.neurons, plan.fan_in, fan_in=plan.fan_in, gain=gain, generator=generator)
        if engine.events:
            self.weight.data = self.weight.data.T.contiguous().T  # an event reads the weights of one input

    def forward(self, spikes: Tensor, kept: float = 1.0) -> Tensor:
        """Spikes `[T, B, M]` of currents divided by the share of the inputs that dropout `kept`.

        In units of that share the potentials are those of a neuron whose threshold is so much lower and whose surrogate is so
        much higher: spikes stay ones, and no weight is copied.
        """
        neuron = replace(self.neuron, threshold=self.neuron.threshold * kept, damping=self.neuron.damping / kept)
        if self.engine.scans is not None:
            return spiking_synapses(Synapse(spikes, self.weight), None, neuron, self.engine.scans, self.engine.events)
        return lif(linear(spikes, self.weight), neuron)
