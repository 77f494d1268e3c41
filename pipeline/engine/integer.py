"""Neurons of several levels on CPUs: dense synapses, and compiled neurons where their currents are normalised."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.engine import unfolded
from pipeline.engine.contract import Synapse
from pipeline.engine.reference import ReferenceEngine
from pipeline.engine.synapses import convolution, currents
from pipeline.neuron.lif import LIF
from pipeline.neuron.normalised.scan import normalised_integer_lif


class IntegerEngine(ReferenceEngine):
    """The reference with one compiled function for normalisation and neurons, and with products for convolutions where the
    processor has tiles for them."""

    name = "integer"

    def __init__(self, dtype: torch.dtype, levels: int):
        tiles = dtype == torch.bfloat16 and unfolded.tiles()
        self.convolve = unfolded.convolve if tiles else convolution
        how = ", small convolutions as matrix products" if tiles else ""
        super().__init__("cpu", dtype, f"neurons: up to {levels} spikes a step, compiled with their normalisation{how}")

    def currents(self, synapses: Sequence[Synapse]) -> Tensor:
        """See `Engine.currents`."""
        return currents(synapses, self.convolve)

    def fire_normalised(self, current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
        """See `Engine.fire_normalised`."""
        return normalised_integer_lif(current, norm, neuron)
