"""Integer neurons behind batch normalisation, as one differentiable function of the current: compiled, for CPUs.

    I = gamma (x - mean) / sqrt(var + eps) + beta,        counts = integer_lif(I)

mean and var are over time, images and places; in evaluation the running ones. Kept for backward is the current x alone:
potentials are computed again. With dI = dL/dI,

    dL/dx = gamma / sqrt(var + eps) (dI - mean(dI) - (x - mean) mean(dI (x - mean)) / (var + eps))

The readable way is `torch.nn.BatchNorm2d` and `pipeline.neuron.integer`.
"""

import functools
from ctypes import CDLL
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.neuron.fused.library import COUNT, POINTER, REAL, build
from pipeline.neuron.fused.scans import SUFFIX
from pipeline.neuron.lif import LIF

SIGNATURES: dict[str, list[Any]] = {
    "moments": [POINTER] * 3 + [COUNT] * 2,
    "forward": [POINTER] * 4 + [COUNT] * 3 + [REAL] * 2,
    "backward_neurons": [POINTER] * 8 + [COUNT] * 3 + [REAL] * 2,
    "backward_norm": [POINTER] * 6 + [COUNT] * 2,
}


@functools.cache
def load_normalised() -> CDLL:
    """The compiled kernels. Raises KernelsUnavailable where they cannot be built."""
    return build(Path(__file__).with_name("kernels.cpp"), SIGNATURES)


def normalised_integer_lif(current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
    """Spike counts `[T, B, C, H, W]` of the normalised current, in its dtype, float32 or bfloat16, channels last in memory.

    In training the running statistics of `norm` are brought up to date as `BatchNorm2d` does.
    """
    last = current.permute(0, 1, 3, 4, 2).contiguous()
    with torch.no_grad():
        mean, var = _moments(last, norm) if norm.training else (norm.running_mean, norm.running_var)
    counts: Tensor = _NormalisedIntegers.apply(last, norm.weight, norm.bias, mean, var, norm, neuron)
    return counts.permute(0, 1, 4, 2, 3)


def _moments(last: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """(mean, biased variance) per channel, float32; the running statistics of `norm` move on."""
    channels, values = last.shape[-1], last.numel() // last.shape[-1]
    sums = torch.empty(2, channels, dtype=torch.float64)
    _call("moments", last.dtype, last, sums[0], sums[1], values, channels)
    from_first, squares = sums / values
    mean, var = last.flatten(0, -2)[0].double() + from_first, (squares - from_first**2).clamp_(min=0)
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.float(), share)
    norm.running_var.lerp_((var * (values / max(values - 1, 1))).float(), share)
    return mean.float(), var.float()


class _Scaled(NamedTuple):
    """A normalised current in units of the threshold: `scale` x + `shift`."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, mean: Tensor, inverse: Tensor, neuron: LIF) -> "_Scaled":
        scale = weight * inverse / neuron.threshold
        return cls(scale, bias / neuron.threshold - mean * scale)


class _NormalisedIntegers(torch.autograd.Function):
    @staticmethod
    def forward(ctx, last, weight, bias, mean, var, norm, neuron):  # type: ignore[override]
        inverse = torch.rsqrt(var + norm.eps)
        counts = torch.empty_like(last)
        scaled = _Scaled.of(weight, bias, mean, inverse, neuron)
        _call("forward", last.dtype, last, *scaled, counts, *_sizes(last), neuron.leak, float(neuron.levels))
        ctx.save_for_backward(last, weight, bias, mean, inverse)
        ctx.setup = neuron, norm.training
        return counts

    @staticmethod
    def backward(ctx, grad_counts):  # type: ignore[override]
        last, weight, bias, mean, inverse = ctx.saved_tensors
        neuron, training = ctx.setup
        scaled = _Scaled.of(weight, bias, mean, inverse, neuron)
        grad, channels = torch.empty_like(last), last.shape[-1]
        sums = torch.empty(2, channels, dtype=torch.float64)
        arrays = grad_counts.contiguous(), last, *scaled, mean, grad, *sums
        _call("backward_neurons", last.dtype, *arrays, *_sizes(last), neuron.leak, float(neuron.levels))
        total, product = sums.float()
        grad_weight, grad_bias = product * inverse / neuron.threshold, total / neuron.threshold
        if ctx.needs_input_grad[0]:
            values = last.numel() // channels
            share = 1 / values if training else 0.0
            offset, slope = total * share, product * inverse**2 * share
            _call("backward_norm", last.dtype, last, scaled.scale, mean, offset, slope, grad, values, channels)
        return grad if ctx.needs_input_grad[0] else None, grad_weight, grad_bias, None, None, None, None


def _sizes(last: Tensor) -> tuple[int, int, int]:
    """Steps, places, channels of `[T, B, H, W, C]`."""
    return len(last), last[0].numel() // last.shape[-1], last.shape[-1]


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | int | float) -> None:
    function = getattr(load_normalised(), f"{name}_{SUFFIX[dtype]}")
    function(*(argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments))
