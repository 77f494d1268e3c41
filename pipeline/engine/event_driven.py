"""Synapses driven by their input spikes, on CPUs: currents and the gradient of the weight cost in proportion to the spikes.

Only the gradient of the input is a dense operation. Pooling neurons are part of the function, so that the spikes that they
receive are never stored. Layers that the kernels do not suit go the lean way.
"""

from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor

from pipeline.engine.contract import Synapse
from pipeline.engine.dense_type import input_gradient
from pipeline.engine.events import synapses as events
from pipeline.engine.lean import LeanEngine, recording
from pipeline.engine.synapses import check, refuse_counts
from pipeline.neuron.carried.scan import carried_from
from pipeline.neuron.lif import LIF

MOST_INPUTS = 2
"""Convolutions that one call of the compiled kernels takes; of matrices it takes one."""


class EventEngine(LeanEngine):
    """The compiled event kernels where they suit, the lean way elsewhere."""

    def __init__(self, scans: ModuleType, dtype: torch.dtype, line: str, dense: torch.dtype | None = None):
        """`dense`: the type that gradients of inputs are computed in, the engine's own if left out."""
        super().__init__("events", scans, "cpu", dtype, line)
        self.dense = dense or dtype

    def spikes(self, synapses: Sequence[Synapse], neuron: LIF, pool: int = 1) -> Tensor:
        """See `Engine.spikes`."""
        if not _suit(synapses):
            return super().spikes(synapses, neuron, pool)
        check(synapses, self.name, self.device, ("spikes", "signed"))
        refuse_counts(neuron, self.name)
        first = synapses[0]
        flat = [tensor for synapse in synapses for tensor in (synapse.spikes, synapse.weight)]
        if first.weight.dim() == 2:
            return _EventLinear.apply(first.spikes, first.weight, (neuron, recording(flat)))
        fits = all(-(-side // first.stride) % pool == 0 for side in first.spikes.shape[3:])
        together = pool if fits else 1
        strides, signed = [one.stride for one in synapses], [one.kind == "signed" for one in synapses]
        how = strides, signed, neuron, together, recording(flat), self.dense
        fired = _EventConvolutions.apply(how, *flat)
        return self.pool(fired, pool, neuron.threshold, neuron.delay) if together < pool else fired

    def spikes_from(self, synapses: Sequence[Synapse], neuron: LIF, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Engine.spikes_from`."""
        if not _suit(synapses):
            return super().spikes_from(synapses, neuron, before)
        check(synapses, self.name, self.device, ("spikes", "signed"))
        refuse_counts(neuron, self.name)
        first = synapses[0]
        if first.weight.dim() == 2:
            carried = carried_from(before, (first.spikes.shape[1], len(first.weight)))
            return events.linear_forward(first.spikes, first.weight, neuron, False, carried)[0], carried
        inputs = [events.to_events(one.spikes, one.weight, one.stride, one.kind == "signed") for one in synapses]
        last = None if before is None else before.permute(0, 2, 3, 1)
        carried = carried_from(last, (first.spikes.shape[1], *inputs[0].places, len(first.weight)))
        weights = [one.weight for one in synapses]
        spikes, _ = events.forward(inputs, weights, first.spikes, neuron, 1, False, carried)
        return spikes, carried.permute(0, 3, 1, 2)

    def pools(self, neuron: LIF, threshold: float, delay: int) -> bool:
        """Where the pooling neurons have the same threshold and delay."""
        return (neuron.threshold, neuron.delay) == (threshold, delay)

    def arrange(self, weight: Tensor) -> Tensor:
        """Inputs run slowest in memory: an event reads the weights of one input."""
        return weight.T.contiguous().T


def _suit(synapses: Sequence[Synapse]) -> bool:
    """Whether the compiled kernels can take all of them in one call."""
    linear = any(one.weight.dim() == 2 for one in synapses)
    few = len(synapses) <= (1 if linear else MOST_INPUTS)
    return few and all(one.kind != "analog" and events.suit(one.spikes, one.weight, one.kind == "signed") for one in synapses)


class _EventConvolutions(torch.autograd.Function):
    @staticmethod
    def forward(ctx, setup, *tensors):  # type: ignore[override]
        strides, signed, neuron, pool, keep, ctx.dense = setup
        pairs = zip(tensors[0::2], tensors[1::2], strides, signed, strict=True)
        inputs = [events.to_events(*four) for four in pairs]
        weights = list(tensors[1::2])
        out, kept = events.forward(inputs, weights, tensors[0], neuron, pool, keep)
        if keep:
            ctx.save_for_backward(kept, *weights, *(one.bits for one in inputs))
            ctx.inputs = [one._replace(bits=torch.empty(0)) for one in inputs]
            ctx.setup = neuron, pool
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        kept, *saved = ctx.saved_tensors
        count = len(ctx.inputs)
        wants = ctx.needs_input_grad[1 : 1 + 2 * count : 2]
        inputs = [one._replace(bits=bits) for one, bits in zip(ctx.inputs, saved[count:], strict=True)]
        grad_current, grad_weights = events.backward(inputs, grad_spikes, kept, *ctx.setup, any(wants))
        grads: list[Tensor | None] = [None]
        for index, one in enumerate(inputs):
            grad_x = None
            if wants[index] and grad_current is not None:
                found = input_gradient(grad_current.flatten(0, 1), saved[index], one.stride, one.shape, ctx.dense)
                grad_x = found.unflatten(0, grad_current.shape[:2])
            grads += [grad_x, grad_weights[index]]
        return tuple(grads)


class _EventLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, weight, setup):  # type: ignore[override]
        neuron, keep = setup
        out, kept, bits = events.linear_forward(spikes, weight, neuron, keep)
        if keep:
            ctx.save_for_backward(kept, weight, bits)
            ctx.neuron = neuron
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        kept, weight, bits = ctx.saved_tensors
        grad_current, grad_weight = events.linear_backward(bits, weight.shape[1], grad_spikes, kept, ctx.neuron)
        grad_x = grad_current @ weight.to(grad_current.dtype) if ctx.needs_input_grad[0] else None
        return grad_x, grad_weight, None
