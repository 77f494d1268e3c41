"""snnTorch: `Leaky` step by step within a layer (its parallel neurons have no reset, so they are another model)."""

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from benchmarks.peers.common import Peer
from pipeline.neuron.lif import LIF

TIE = 1e-6
"""snnTorch fires above its threshold, this project at it. Pooled potentials meet it exactly; theirs is this much lower."""


class Stepped(nn.Module):
    """A snnTorch neuron over a whole train, its state passed from step to step."""

    def __init__(self, node: nn.Module, last: bool = False):
        super().__init__()
        self.node, self.last = node, last

    def forward(self, current: Tensor) -> Tensor:
        """Spikes `[T, ...]`, or the last potential."""
        potential = torch.zeros_like(current[0])  # as its own `Leaky` begins
        spikes = []
        for step in current:
            spike, potential = self.node(step, potential)
            if not self.last:
                spikes.append(spike)
        return potential if self.last else torch.stack(spikes)


def triangle(damping: float):
    def gradient(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
        return grad * (damping * torch.relu(1 - x.abs()))

    return surrogate.custom_surrogate(gradient)


def fire(lif: LIF) -> nn.Module:
    return Stepped(snntorch.Leaky(beta=lif.leak, threshold=lif.threshold, spike_grad=triangle(lif.damping)))


def pool(lif: LIF) -> nn.Module:
    gradient = surrogate.straight_through_estimator()
    return Stepped(snntorch.Leaky(beta=1.0, threshold=lif.threshold - TIE, spike_grad=gradient))


def readout(leak: float) -> nn.Module:
    return Stepped(snntorch.Leaky(beta=leak, reset_mechanism="none"), last=True)


PEER = Peer(
    name="snntorch",
    fire=fire,
    pool=pool,
    readout=readout,
    differences=(
        "the reset is detached: no gradient flows through it, where ours does",
        "a neuron fires above its threshold and not at it (the pooling neurons' threshold is 1e-6 lower, so that their ties "
        "fire as ours)",
        "the pooling neurons' gradient is a clipped straight-through one that sums over time",
        "in bf16 autocast the potentials are bfloat16 too",
    ),
)
