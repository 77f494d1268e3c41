"""What all peers share: synapses are plain torch modules over time folded into the batch, so only the neurons differ.

Folding is each framework's fastest way to run a convolution over a spike train (SpikingJelly's step mode 'm' does
just this; snnTorch and Norse documents loop over the steps, which is slower), so all of them are given it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.networks import image_shape
from pipeline.config import Params
from pipeline.network.block import Block
from pipeline.network.plan import InputPlan, LayerPlan, plan_blocks
from pipeline.network.walk import walk
from pipeline.neuron.lif import LIF


@dataclass(frozen=True)
class Peer:
    """`fire(neuron)` and `pool(neuron)` make modules from currents to spikes `[T, B, ...]`, `readout(leak)` from currents
    `[T, B, K]` to last potentials `[B, K]`. Where a framework scales its input, the scale is divided out of the weights.

    `reset_leaks`: the soft reset is subtracted before the step's leak, so leak * v in effect. `differences`: one
    sentence for each point at which the network is not this project's. `reset(network)` clears state between batches.
    """

    name: str
    fire: Callable[[LIF], nn.Module]
    pool: Callable[[LIF], nn.Module]
    readout: Callable[[float], nn.Module]
    differences: tuple[str, ...]
    lif_scale: Callable[[float], float] = lambda leak: 1.0
    readout_scale: Callable[[float], float] = lambda leak: 1.0
    reset_leaks: bool = False
    reset: Callable[[nn.Module], None] = lambda network: None


class PeerNetwork(nn.Module):
    """This project's network of the blocks `keys`, with the weights of `block`, on a peer's neurons."""

    def __init__(self, params: Params, keys: Sequence[str], block: Block, peer: Peer):
        super().__init__()
        plans = plan_blocks(params, image_shape(params))
        leak, default = params.neuron.leak, params.neuron
        self.plans = [plans[key] for key in keys]
        layers = [layer for plan in self.plans for layer in plan.trunk]
        self.names = [layer.name for layer in layers]
        self.synapses, self.neurons = nn.ModuleDict(), nn.ModuleDict()
        for layer in layers:
            neuron = LIF(leak, layer.threshold, default.damping, default.delay)
            own = block.trunk.layers[layer.name]
            self.synapses[layer.name] = nn.ModuleList(_synapse(own, one, peer.lif_scale(leak)) for one in layer.inputs)
            self.neurons[layer.name] = peer.pool(neuron) if layer.kind == "pool" else peer.fire(neuron)
        self.hidden: nn.Module | None = None
        self.hidden_neurons: nn.Module | None = None
        hidden_plan = self.plans[-1].hidden
        if block.hidden is not None and hidden_plan is not None:
            shape = self.plans[-1].outputs
            # Ours runs features over [H, W, C], torch's flatten over [C, H, W].
            weight = block.hidden.weight.detach().unflatten(1, (shape[1], shape[2], shape[0])).permute(0, 3, 1, 2).flatten(1)
            self.hidden = _linear(weight / peer.lif_scale(leak))
            self.hidden_neurons = peer.fire(LIF(leak, hidden_plan.threshold, default.damping, default.delay))
            self.names.append("hidden")
        self.out = _linear(block.readout / peer.readout_scale(leak))
        self.readout = peer.readout(leak)

    def forward(self, spikes: Tensor, record: list[Tensor] | None = None) -> Tensor:
        """Logits `[B, K]` of input spikes `[T, B, C, H, W]`; the spikes of every layer are appended to `record`."""

        def run(layer: LayerPlan, inputs: list[Tensor]) -> Tensor:
            own: Any = self.synapses[layer.name]
            first, *more = [_folded(synapse, one) for synapse, one in zip(own, inputs, strict=True)]
            return _kept(self.neurons[layer.name](sum(more, first)), record)

        flat = walk(self.plans, {self.plans[0].sources[0]: spikes}, run)[self.plans[-1].key].flatten(2)
        if self.hidden is not None and self.hidden_neurons is not None:
            flat = _kept(self.hidden_neurons(self.hidden(flat)), record)
        return self.readout(self.out(flat))


def _folded(module: nn.Module, spikes: Tensor) -> Tensor:
    return module(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])


def _kept(spikes: Tensor, record: list[Tensor] | None) -> Tensor:
    if record is not None:
        record.append(spikes.detach())
    return spikes


def _synapse(layer: nn.Module, one: InputPlan, scale: float) -> nn.Module:
    if not one.weight:
        return nn.AvgPool2d(one.stride)
    weight = layer.get_parameter(one.weight)
    conv = nn.Conv2d(one.inputs[0], len(weight), one.kernel, one.stride, one.kernel // 2, bias=False)
    conv.weight.data.copy_(weight.detach() / scale)
    return conv


def _linear(weight: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight.data.copy_(weight.detach())
    return linear


class Triangle(torch.autograd.Function):
    """H(x) with gradient damping * max(0, 1 - |x|), for frameworks that take a surrogate of one's own."""

    @staticmethod
    def forward(ctx, x: Tensor, damping: float) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x)
        ctx.damping = damping
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return grad * (ctx.damping * torch.relu(1 - x.abs())), None
