"""Synapses and neurons as one differentiable function that keeps little for backward.

Kept are the input spikes at one bit (two where they are signed) and what the surrogate needs of each potential: the potential
itself in float32, seven bits in bfloat16. The backward pass is the reverse scan, then the synapses' own. The scans are a
module: torch operations on any device (`pipeline.neuron.scans`), or compiled kernels with the same signatures.
"""

from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from pipeline.engine import synapses as dense
from pipeline.engine.contract import Synapse
from pipeline.neuron.carried.scan import lif_from
from pipeline.neuron.lif import LIF


class LeanEngine:
    """Dense synapses and the scans of `scans`, on one kind of device."""

    def __init__(self, name: str, scans: ModuleType, device: str, dtype: torch.dtype, line: str):
        self.name, self.scans, self.device, self.dtype, self.line = name, scans, device, dtype, line

    def spikes(self, synapses: Sequence[Synapse], neuron: LIF, pool: int = 1) -> Tensor:
        """See `Engine.spikes`; analog inputs are refused, for they cannot be kept as bits."""
        dense.check(synapses, self.name, self.device, ("spikes", "signed"))
        dense.refuse_counts(neuron, self.name)
        flat = [tensor for synapse in synapses for tensor in (synapse.spikes, synapse.weight)]
        setup = [synapse.stride for synapse in synapses], [synapse.kind == "signed" for synapse in synapses]
        fired = _LeanSynapses.apply((*setup, neuron, self.scans, recording(flat)), *flat)
        return fired if pool == 1 else self.pool(fired, pool, neuron.threshold, neuron.delay)

    def spikes_from(self, synapses: Sequence[Synapse], neuron: LIF, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Engine.spikes_from`."""
        dense.check(synapses, self.name, self.device, ("spikes", "signed"))
        dense.refuse_counts(neuron, self.name)
        return lif_from(self.currents(synapses), neuron, before)

    def currents(self, synapses: Sequence[Synapse]) -> Tensor:
        """See `Engine.currents`."""
        return dense.currents(synapses)

    def fire(self, current: Tensor, neuron: LIF) -> Tensor:
        """See `Engine.fire`."""
        dense.refuse_counts(neuron, self.name)
        return _LeanNeurons.apply(current, neuron, self.scans, recording([current]))

    def fire_normalised(self, current: Tensor, norm: nn.BatchNorm2d, neuron: LIF) -> Tensor:
        """See `Engine.fire_normalised`."""
        return self.fire(dense.normalised(current, norm), neuron)

    def pool(self, spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
        """See `Engine.pool`."""
        return _LeanPool.apply(spikes, size, threshold, delay, self.scans)

    def readout(self, spikes: Tensor, leak: float) -> Tensor:
        """See `Engine.readout`."""
        total: Tensor = self.scans.leaky_sum(spikes, leak)
        return total

    def pools(self, neuron: LIF, threshold: float, delay: int) -> bool:
        """Never: pooling neurons are a function of their own."""
        return False

    def arrange(self, weight: Tensor) -> Tensor:
        """As it is."""
        return weight


def recording(tensors: Sequence[Tensor]) -> bool:
    """Whether autograd will ask for a backward pass, so that anything must be kept."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


class _LeanSynapses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, setup, *tensors):  # type: ignore[override]
        strides, signed, neuron, scans, keep = setup
        folded = tensors[0].shape[:2]
        inputs, weights = [dense.fold(x) for x in tensors[0::2]], list(tensors[1::2])
        currents = [dense.forward(*three).unflatten(0, folded) for three in zip(inputs, weights, strides, strict=True)]
        layout = currents[0].to("meta")
        out, kept = scans.lif_forward(currents, neuron, keep)
        if keep:
            ctx.save_for_backward(kept, *weights, *(scans.pack(x, sign) for x, sign in zip(inputs, signed, strict=True)))
            ctx.layouts, ctx.current = [x.to("meta") for x in inputs], layout
            ctx.setup = folded, strides, neuron, scans
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        folded, strides, neuron, scans = ctx.setup
        kept, *saved = ctx.saved_tensors
        count = len(ctx.layouts)
        grad_current = scans.lif_backward(grad_spikes, kept, ctx.current, neuron).flatten(0, 1)
        grads: list[Tensor | None] = [None]
        for index in range(count):
            wants = ctx.needs_input_grad[1 + 2 * index], ctx.needs_input_grad[2 + 2 * index]
            x = scans.unpack(saved[count + index], ctx.layouts[index])
            grad_x, grad_weight = dense.backward(grad_current, x, saved[index], strides[index], wants)
            grads += [None if grad_x is None else grad_x.unflatten(0, folded), grad_weight]
        return tuple(grads)


class _LeanNeurons(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, neuron, scans, keep):  # type: ignore[override]
        out, kept = scans.lif_forward([current], neuron, keep)
        if keep:
            ctx.save_for_backward(kept)
            ctx.current, ctx.setup = current.to("meta"), (neuron, scans)
        return out

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        neuron, scans = ctx.setup
        return scans.lif_backward(grad_spikes, ctx.saved_tensors[0], ctx.current, neuron), None, None, None


class _LeanPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, size, threshold, delay, scans):  # type: ignore[override]
        ctx.setup = spikes.shape, size, threshold, delay, scans
        return scans.pool_forward(spikes, size, threshold, delay)

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        shape, size, threshold, delay, scans = ctx.setup
        return scans.pool_backward(grad_spikes, shape, size, threshold, delay), None, None, None, None
