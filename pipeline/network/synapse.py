"""A layer's synapses and neurons as one differentiable function that keeps little for backward.

Kept are the input spikes at one bit (two where they are signed) and what the surrogate needs of each potential: the
potential itself in float32, seven bits in bfloat16. The backward pass is the reverse scan, then the synapses' own.

With `events` the input spikes drive the synapses: currents and the gradient of the weight cost in proportion to the
spikes, and only the gradient of the input is a dense operation. Pooling neurons are then part of the function, so that the
spikes that they receive are never stored.
"""

from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipeline.network.events import synapses
from pipeline.neuron import LIF


class Synapse(NamedTuple):
    """Input spikes and the weight they go through: a convolution `[C', C, k, k]` with padding k // 2, or a matrix `[M, N]`."""

    spikes: Tensor
    weight: Tensor
    stride: int = 1
    signed: bool = False


def spiking_synapses(
    main: Synapse, extra: Synapse | None, neuron: LIF, scans: ModuleType, events: bool = False, pool: int = 1
) -> Tensor:
    """Spikes `[T, B, ...]` of LIF neurons that receive `main` and, where given, `extra` (a residual unit's shortcut).

    With `pool` above 1 they go on into integrate-and-fire neurons of the same threshold and delay, `[T, B, C', H // pool,
    W // pool]`, which average squares of that side.
    """
    tensors = [main.spikes, main.weight] + ([extra.spikes, extra.weight] if extra else [None, None])
    keep = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)
    inputs = [main, *([extra] if extra else [])]
    together = 1
    if events and all(synapses.suit(one.spikes, one.weight, one.signed) for one in inputs):
        if main.weight.dim() == 2:
            return _EventLinear.apply(main.spikes, main.weight, (neuron, keep))
        if all(-(-side // main.stride) % pool == 0 for side in main.spikes.shape[3:]):
            together = pool
        how = [one.stride for one in inputs], [one.signed for one in inputs], neuron, together, keep
        spikes = _EventConvolutions.apply(*tensors, how)
    else:
        setup = (main.stride, extra.stride if extra else 1), (main.signed, bool(extra and extra.signed)), neuron, scans, keep
        spikes = _LeanSynapses.apply(*tensors, setup)
    return lean_pool(spikes, pool, neuron.threshold, neuron.delay, scans) if together < pool else spikes


class _LeanSynapses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, weight, extra_spikes, extra_weight, setup):  # type: ignore[override]
        strides, signed, neuron, scans, keep = setup
        folded = spikes.shape[:2]
        inputs = [_fold(spikes)] + ([] if extra_spikes is None else [_fold(extra_spikes)])
        weights = [weight] + ([] if extra_weight is None else [extra_weight])
        currents = [_synapse(x, w, stride).unflatten(0, folded) for x, w, stride in zip(inputs, weights, strides, strict=False)]
        out, kept = scans.lif_forward(currents[0], currents[1] if len(currents) > 1 else None, neuron, keep)
        if keep:
            ctx.save_for_backward(kept, *weights, *(scans.pack(x, sign) for x, sign in zip(inputs, signed, strict=False)))
            ctx.layout = [x.to("meta") for x in inputs]
            ctx.current = currents[0].to("meta")
            ctx.setup = folded, strides, neuron, scans
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        folded, strides, neuron, scans = ctx.setup
        kept, *saved = ctx.saved_tensors
        count = len(ctx.layout)
        grad_current = scans.lif_backward(grad_spikes, kept, ctx.current, neuron).flatten(0, 1)
        grads: list[Tensor | None] = []
        for index in range(count):
            wants = ctx.needs_input_grad[2 * index], ctx.needs_input_grad[2 * index + 1]
            x = scans.unpack(saved[count + index], ctx.layout[index])
            grad_x, grad_weight = _synapse_backward(grad_current, x, saved[index], strides[index], wants)
            grads += [None if grad_x is None else grad_x.unflatten(0, folded), grad_weight]
        return *grads, *[None] * (5 - len(grads))


class _EventConvolutions(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, weight, extra_spikes, extra_weight, setup):  # type: ignore[override]
        strides, signed, neuron, pool, keep = setup
        pairs = [(spikes, weight)] + ([] if extra_spikes is None else [(extra_spikes, extra_weight)])
        inputs = [synapses.to_events(x, w, *how) for (x, w), *how in zip(pairs, strides, signed, strict=True)]
        weights = [w for _, w in pairs]
        out, kept = synapses.forward(inputs, weights, spikes, neuron, pool, keep)
        if keep:
            ctx.save_for_backward(kept, *weights, *(events.bits for events in inputs))
            ctx.inputs = [events._replace(bits=torch.empty(0)) for events in inputs]
            ctx.setup = neuron, pool
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        kept, *saved = ctx.saved_tensors
        count = len(ctx.inputs)
        wants = ctx.needs_input_grad[0 : 2 * count : 2]
        inputs = [events._replace(bits=bits) for events, bits in zip(ctx.inputs, saved[count:], strict=True)]
        grad_current, grad_weights = synapses.backward(inputs, grad_spikes, kept, *ctx.setup, any(wants))
        grads: list[Tensor | None] = []
        for index, events in enumerate(inputs):
            grad_x = None
            if wants[index] and grad_current is not None:
                folded = grad_current.flatten(0, 1)
                # Only the shape and layout of the input are read.
                x = torch.empty((len(folded), *events.shape), dtype=folded.dtype, memory_format=torch.channels_last)
                found, _ = _synapse_backward(folded, x, saved[index], events.stride, (True, False))
                grad_x = None if found is None else found.unflatten(0, grad_current.shape[:2])
            grads += [grad_x, grad_weights[index]]
        return *grads, *[None] * (5 - len(grads))


class _EventLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, weight, setup):  # type: ignore[override]
        neuron, keep = setup
        out, kept, bits = synapses.linear_forward(spikes, weight, neuron, keep)
        if keep:
            ctx.save_for_backward(kept, weight, bits)
            ctx.neuron = neuron
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        kept, weight, bits = ctx.saved_tensors
        grad_current, grad_weight = synapses.linear_backward(bits, weight.shape[1], grad_spikes, kept, ctx.neuron)
        grad_x = grad_current @ weight.to(grad_current.dtype) if ctx.needs_input_grad[0] else None
        return grad_x, grad_weight, None


def _fold(spikes: Tensor) -> Tensor:
    """Time folded into the batch, dense in memory: channels last for images."""
    folded = spikes.flatten(0, 1)
    return folded.contiguous(memory_format=torch.channels_last) if folded.dim() == 4 else folded.contiguous()


def _synapse(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    weight = weight.to(x.dtype)
    return x @ weight.T if weight.dim() == 2 else conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)


def _synapse_backward(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, wants: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """(dL/dx, dL/dweight in the weight's own precision), each only if wanted."""
    cast = weight.to(x.dtype)
    if weight.dim() == 2:
        return grad @ cast if wants[0] else None, (grad.T @ x).to(weight.dtype) if wants[1] else None
    padding = weight.shape[2] // 2
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, cast, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1, [*wants, False]
    )
    return grad_x, None if grad_weight is None else grad_weight.to(weight.dtype)


class _LeanPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, size, threshold, delay, scans):  # type: ignore[override]
        ctx.setup = spikes.shape, size, threshold, delay, scans
        return scans.pool_forward(spikes, size, threshold, delay)

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        shape, size, threshold, delay, scans = ctx.setup
        return scans.pool_backward(grad_spikes, shape, size, threshold, delay), None, None, None, None


def lean_pool(spikes: Tensor, size: int, threshold: float, delay: int, scans: ModuleType) -> Tensor:
    """`pool_and_fire` by the given scans; nothing is kept for backward."""
    return _LeanPool.apply(spikes, size, threshold, delay, scans)
