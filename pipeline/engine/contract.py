"""What an engine must do, whatever computes it.

Spikes are `[T, B, C, H, W]` with channels last in memory, or `[T, B, N]`, in the engine's dtype on its device. Weights are
float32 on the same device. Every method is differentiable where autograd records; nothing is kept for backward otherwise.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pipeline.neuron.lif import LIF

InputKind = Literal["spikes", "signed", "analog"]
"""What a layer receives: spikes in {0, 1}, the encoder's signed spikes in {-1, 0, 1}, or any real numbers."""


class Synapse(NamedTuple):
    """An input and the weight that it goes through: a convolution `[C', C, k, k]` with padding k // 2, or a matrix `[M, N]`."""

    spikes: Tensor
    weight: Tensor
    stride: int = 1
    kind: InputKind = "spikes"


class Engine(Protocol):
    """Synapses and neurons on one kind of device in one precision.

    `device` is the type of device that its tensors must lie on, `dtype` that of spikes between layers (potentials inside are
    float32 either way), `line` says in one line what was chosen and why.
    """

    name: str
    device: str
    dtype: torch.dtype
    line: str

    def spikes(self, synapses: Sequence[Synapse], neuron: LIF, pool: int = 1) -> Tensor:
        """Spikes `[T, B, ...]` of LIF neurons that receive the sum of all synapses' currents (equation 1).

        With `pool` above 1, which asks for `pools`, they go on into integrate-and-fire neurons of the same threshold and delay
        that average squares of that side: `[T, B, C', H // pool, W // pool]`.

        Raises:
            UserError: a tensor on another device, or an input or a neuron of a kind that the engine cannot take.
        """
        ...

    def spikes_from(self, synapses: Sequence[Synapse], neuron: LIF, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """`spikes` of steps that go on from earlier ones: from potentials float32 `[B, ...]`, 0 where there are none.

        Returns the spikes and the potentials after them. Nothing is kept for backward.

        Raises:
            UserError: as `spikes`.
        """
        ...

    def currents(self, synapses: Sequence[Synapse]) -> Tensor:
        """The summed current `[T, B, ...]` of all synapses, whose inputs may be of any kind."""
        ...

    def fire(self, current: Tensor, neuron: LIF) -> Tensor:
        """Spikes `[T, ...]` of LIF neurons that receive `current` `[T, ...]`.

        Raises:
            UserError: a neuron of a kind that the engine cannot take.
        """
        ...

    def fire_normalised(self, current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
        """Spikes `[T, B, C, H, W]` of neurons that receive `current` normalised per channel, over time, images and places."""
        ...

    def pool(self, spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
        """Integrate-and-fire neurons `[T, B, C, H // size, W // size]` that average squares of spikes `[T, B, C, H, W]`."""
        ...

    def readout(self, spikes: Tensor, leak: float) -> Tensor:
        """Leaky sum over time, float32 `[B, ...]`, of spikes `[T, B, ...]`: a readout neuron's last potential (`leaky_sum`)."""
        ...

    def pools(self, neuron: LIF, threshold: float, delay: int) -> bool:
        """Whether `spikes` can compute pooling neurons of that threshold and delay in one go with their input's neurons."""
        ...

    def arrange(self, weight: Tensor) -> Tensor:
        """The same matrix `[M, N]`, laid out in memory as this engine reads it best."""
        ...
