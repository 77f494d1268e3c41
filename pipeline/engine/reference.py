"""The readable reference: plain operations and step-by-step scans under automatic differentiation, on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.engine.contract import Synapse
from pipeline.engine.synapses import check, currents, normalised
from pipeline.neuron.carried.scan import lif_from
from pipeline.neuron.integer import integer_lif
from pipeline.neuron.lif import LIF, lif
from pipeline.neuron.pool import pool_and_fire
from pipeline.neuron.readout import leaky_sum

LINE = "neurons: reference scans with automatic differentiation (compute.kernel: reference)"


class ReferenceEngine:
    """Every other engine is tested against this one. It takes inputs of any kind."""

    name = "reference"

    def __init__(self, device: str = "cpu", dtype: torch.dtype = torch.float32, line: str = LINE):
        self.device, self.dtype, self.line = device, dtype, line

    def spikes(self, synapses: Sequence[Synapse], neuron: LIF, pool: int = 1) -> Tensor:
        """See `Engine.spikes`."""
        check(synapses, self.name, self.device, ("spikes", "signed", "analog"))
        fired = self.fire(self.currents(synapses), neuron)
        return fired if pool == 1 else self.pool(fired, pool, neuron.threshold, neuron.delay)

    def spikes_from(self, synapses: Sequence[Synapse], neuron: LIF, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Engine.spikes_from`."""
        check(synapses, self.name, self.device, ("spikes", "signed", "analog"))
        return lif_from(self.currents(synapses), neuron, before)

    def currents(self, synapses: Sequence[Synapse]) -> Tensor:
        """See `Engine.currents`."""
        return currents(synapses)

    def fire(self, current: Tensor, neuron: LIF) -> Tensor:
        """See `Engine.fire`."""
        return lif(current, neuron) if neuron.levels == 1 else integer_lif(current, neuron)

    def fire_normalised(self, current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
        """See `Engine.fire_normalised`."""
        return self.fire(normalised(current, norm), neuron)

    def pool(self, spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
        """See `Engine.pool`."""
        return pool_and_fire(spikes, size, threshold, delay)

    def readout(self, spikes: Tensor, leak: float) -> Tensor:
        """See `Engine.readout`."""
        return leaky_sum(spikes, leak)

    def pools(self, neuron: LIF, threshold: float, delay: int) -> bool:
        """Never: each layer stands alone."""
        return False

    def arrange(self, weight: Tensor) -> Tensor:
        """As it is."""
        return weight
