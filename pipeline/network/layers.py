"""Spiking layers: the weights of their synapses, handed with the input spikes to the engine.

No biases. Between synapses and neurons there may be a normalisation, `norm`, a module of currents `[T * B, C, H, W]`; without
one the engine computes both in one go.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from pipeline.engine.contract import Engine, Synapse
from pipeline.network.plan import LayerPlan
from pipeline.neuron.lif import LIF


def initial_weight(*shape: int, fan_in: int, gain: float, generator: torch.Generator) -> nn.Parameter:
    """Normal with standard deviation gain * sqrt(2 / fan_in) (He et al. 2015, arXiv:1502.01852)."""
    return nn.Parameter(torch.randn(shape, generator=generator) * (gain * (2 / fan_in) ** 0.5))


class SpikingConv(nn.Module):
    """Convolutions of all inputs, summed, into LIF neurons. The parameter of each input has the name that the plan gives it."""

    def __init__(
        self,
        plan: LayerPlan,
        neuron: LIF,
        gain: float,
        generator: torch.Generator,
        engine: Engine,
        norm: nn.BatchNorm2d | None = None,
    ):
        super().__init__()
        self.plan, self.neuron, self.engine, self.norm = plan, neuron, engine, norm
        for one in plan.inputs:
            shape = (plan.outputs[0], one.inputs[0], one.kernel, one.kernel)
            self.register_parameter(one.weight, initial_weight(*shape, fan_in=one.fan_in, gain=gain, generator=generator))

    def forward(self, inputs: Sequence[Tensor], pool: int = 1) -> Tensor:
        """Spikes `[T, B, C', H', W']` of input spikes `[T, B, C, H, W]`, one per input of the plan; with `pool` above 1, those
        of the pooling neurons after this layer, where the engine `pools`."""
        if self.at_once:
            return self.engine.spikes(self.synapses(inputs), self.neuron, pool)
        current = self.current(inputs)
        if self.norm is None:
            return self.engine.fire(current, self.neuron)
        return self.engine.fire_normalised(current, self.norm, self.neuron)

    def current(self, inputs: Sequence[Tensor]) -> Tensor:
        """The summed input current `[T, B, C', H', W']` of the neurons."""
        return self.engine.currents(self.synapses(inputs))

    @property
    def at_once(self) -> bool:
        """Whether the engine computes synapses and neurons as one function: spikes come in, and nothing is normalised."""
        return self.norm is None and all(one.kind != "analog" for one in self.plan.inputs)

    def synapses(self, inputs: Sequence[Tensor]) -> list[Synapse]:
        """Each input with its weight."""
        return [
            Synapse(spikes, self.get_parameter(one.weight), one.stride, one.kind)
            for spikes, one in zip(inputs, self.plan.inputs, strict=True)
        ]

    def pools(self, pool: "SpikingPool") -> bool:
        """Whether `forward` can compute the pooling neurons after this layer as well."""
        return self.at_once and self.engine.pools(self.neuron, pool.neuron.threshold, pool.neuron.delay)


class SpikingMaxPool(nn.Module):
    """The largest spike, or count of spikes, of each square."""

    def __init__(self, plan: LayerPlan):
        super().__init__()
        self.plan = plan

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Spikes `[T, B, C, H // size, W // size]` of the one input `[T, B, C, H, W]`."""
        (spikes,) = inputs
        return max_pool2d(spikes.flatten(0, 1), self.plan.main.stride).unflatten(0, spikes.shape[:2])


class SpikingPool(nn.Module):
    """Average pooling into integrate-and-fire neurons."""

    def __init__(self, plan: LayerPlan, neuron: LIF, engine: Engine):
        super().__init__()
        self.plan, self.neuron, self.engine = plan, neuron, engine

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Spikes `[T, B, C, H // size, W // size]` of the one input `[T, B, C, H, W]`."""
        (spikes,) = inputs
        return self.engine.pool(spikes, self.plan.main.stride, self.neuron.threshold, self.neuron.delay)


class SpikingLinear(nn.Module):
    """Fully connected synapses into LIF neurons: spikes `[T, B, N]` to spikes `[T, B, M]`."""

    def __init__(self, plan: LayerPlan, neuron: LIF, gain: float, generator: torch.Generator, engine: Engine):
        super().__init__()
        self.plan, self.neuron, self.engine = plan, neuron, engine
        fan_in = plan.main.fan_in
        self.weight = initial_weight(plan.neurons, fan_in, fan_in=fan_in, gain=gain, generator=generator)
        self.weight.data = engine.arrange(self.weight.data)

    def forward(self, spikes: Tensor, kept: float = 1.0) -> Tensor:
        """Spikes `[T, B, M]` of currents divided by the share of the inputs that dropout `kept`.

        In units of that share the potentials are those of a neuron whose threshold is so much lower and whose surrogate is so
        much higher: spikes stay ones, and no weight is copied.
        """
        neuron = replace(self.neuron, threshold=self.neuron.threshold * kept, damping=self.neuron.damping / kept)
        synapses = self.synapses([spikes])
        return self.engine.spikes(synapses, neuron) if self.at_once else self.engine.fire(self.engine.currents(synapses), neuron)

    @property
    def at_once(self) -> bool:
        """As in `SpikingConv`."""
        return self.plan.main.kind != "analog"

    def synapses(self, inputs: Sequence[Tensor]) -> list[Synapse]:
        """The one input with its weight."""
        return [Synapse(inputs[0], self.weight)]
