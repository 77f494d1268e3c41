"""Neurons of several levels on CPUs: dense synapses, and compiled neurons where their currents are normalised."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.engine import unfolded
from pipeline.engine.contract import Synapse
from pipeline.engine.dense_type import dense_type
from pipeline.engine.reference import ReferenceEngine
from pipeline.engine.synapses import convolution, currents
from pipeline.neuron.lif import LIF
from pipeline.neuron.normalised.scan import normalised_integer_lif


class IntegerEngine(ReferenceEngine):
    """The reference with one compiled function for normalisation and neurons, and with convolutions as the processor is fastest
    at them: in bfloat16 as products where it has tiles, in float32 where bfloat16 is slow."""

    name = "integer"

    def __init__(self, dtype: torch.dtype, levels: int):
        self.convolve, how = convolution, ""
        if dtype == torch.bfloat16 and unfolded.tiles():
            self.convolve, how = unfolded.convolve, ", small convolutions as matrix products"
        elif dtype == torch.bfloat16 and dense_type() == torch.float32:
            self.convolve, how = in_float32, ", convolutions in float32, which is faster here"
        super().__init__("cpu", dtype, f"neurons: up to {levels} spikes a step, compiled with their normalisation{how}")

    def currents(self, synapses: Sequence[Synapse]) -> Tensor:
        """See `Engine.currents`."""
        return currents(synapses, self.convolve)

    def fire_normalised(self, current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
        """See `Engine.fire_normalised`."""
        if neuron.levels == 1:
            return super().fire_normalised(current, norm, neuron)
        return normalised_integer_lif(current, norm, neuron)


def in_float32(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The current of bfloat16 inputs, computed in float32."""
    with torch.autocast("cpu", enabled=False):
        return convolution(x.float(), weight, stride).to(x.dtype)
