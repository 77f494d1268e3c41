"""Synapses as dense operations, which most engines share: time folded into the batch, a convolution or a matrix product."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from pipeline.base.errors import UserError
from pipeline.engine.contract import InputKind, Synapse
from pipeline.neuron.lif import LIF

Convolve = Callable[[Tensor, Tensor, int], Tensor]
"""The current `[N, C', H', W']` of inputs `[N, C, H, W]` through a weight, at a stride."""


def check(synapses: Sequence[Synapse], engine: str, device: str, kinds: Sequence[InputKind]) -> None:
    """Refuse what an engine cannot take.

    Raises:
        UserError: a tensor on another device than `device`, or an input whose kind is not one of `kinds`.
    """
    for synapse in synapses:
        for what, tensor in (("an input", synapse.spikes), ("a weight", synapse.weight)):
            if tensor.device.type != device:
                raise UserError(
                    f"engine {engine}: {what} lies on {tensor.device} and the engine works on {device}; move it there, or choose "
                    "another compute.device or compute.kernel"
                )
        if synapse.kind not in kinds:
            raise UserError(
                f"engine {engine}: takes {' and '.join(kinds)} as input, not {synapse.kind} values; use compute.kernel: reference"
            )


def refuse_counts(neuron: LIF, engine: str) -> None:
    """For engines whose neurons fire at most once a step.

    Raises:
        UserError: these fire more often.
    """
    if neuron.levels > 1:
        raise UserError(
            f"engine {engine}: its neurons fire once a step, but neuron.levels is {neuron.levels}; pass levels={neuron.levels} "
            "to open_compute, or choose compute.kernel: reference"
        )


def convolution(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The current `[N, C', H', W']` of inputs `[N, C, H, W]`, in their dtype."""
    return conv2d(x, weight.to(x.dtype), stride=stride, padding=weight.shape[2] // 2)


def currents(synapses: Sequence[Synapse], convolve: Convolve = convolution) -> Tensor:
    """The summed current `[T, B, ...]` of all synapses by differentiable operations; inputs of any kind."""
    found: Tensor | None = None
    for given, weight, stride, _ in synapses:
        same = len(given) > 1 and given.stride(0) == 0  # one step in memory stands for all
        spikes = given[:1] if same else given
        if weight.dim() == 2:
            current = torch.nn.functional.linear(spikes, weight.to(spikes.dtype))
        else:
            current = convolve(spikes.flatten(0, 1), weight, stride).unflatten(0, spikes.shape[:2])
        current = _repeated(current, len(given)) if same else current
        found = current if found is None else found + current
    if found is None:
        raise ValueError("a layer without synapses")
    return found


def normalised(current: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """The current `[T, B, C, H, W]` normalised per channel, over time, images and places."""
    found: Tensor = norm(current.flatten(0, 1))
    return found.unflatten(0, current.shape[:2])


def _repeated(current: Tensor, steps: int) -> Tensor:
    """`[T, B, C, H, W]` of the one step `[1, B, C, H, W]`, channels last in memory as kernels read it."""
    last = current.permute(0, 1, 3, 4, 2)
    return last.expand(steps, *last.shape[1:]).contiguous().permute(0, 1, 4, 2, 3)


def fold(spikes: Tensor) -> Tensor:
    """Time folded into the batch, dense in memory: channels last for images."""
    folded = spikes.flatten(0, 1)
    return folded.contiguous(memory_format=torch.channels_last) if folded.dim() == 4 else folded.contiguous()


def forward(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The current `[T * B, ...]` of a folded input, in its dtype."""
    return x @ weight.to(x.dtype).T if weight.dim() == 2 else convolution(x, weight, stride)


def backward(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, wants: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """(dL/dx, dL/dweight in the weight's own precision) from dL/dcurrent, all folded; each only if wanted."""
    cast = weight.to(x.dtype)
    if weight.dim() == 2:
        return grad @ cast if wants[0] else None, (grad.T @ x).to(weight.dtype) if wants[1] else None
    padding = weight.shape[2] // 2
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, cast, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1, [*wants, False]
    )
    return grad_x, None if grad_weight is None else grad_weight.to(weight.dtype)
