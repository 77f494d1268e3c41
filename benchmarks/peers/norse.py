"""Norse: `SNN` modules over its box-model LIF step, an integrate-and-fire step and its leaky integrator."""

import torch
from norse.torch.functional.leaky_integrator_box import LIBoxParameters, LIBoxState, li_box_feed_forward_step
from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step
from norse.torch.functional.threshold import threshold
from norse.torch.module.snn import SNN
from torch import Tensor, nn

from benchmarks.peers.common import Peer
from pipeline.neuron.lif import LIF

DT = 0.001
TIE = 1e-6
"""Norse fires above its threshold, this project at it. Pooled potentials meet it exactly; theirs is this much lower."""


class Layer(nn.Module):
    """A Norse module's spikes without its state; `last` gives the last step's only."""

    def __init__(self, module: nn.Module, last: bool = False):
        super().__init__()
        self.module, self.last = module, last

    def forward(self, current: Tensor) -> Tensor:
        out, _ = self.module(current)
        return out[-1] if self.last else out


def fire(lif: LIF) -> nn.Module:
    def reset(spikes: Tensor, potential: Tensor, _: Tensor, v: Tensor) -> Tensor:
        return potential - spikes * (v / lif.leak)  # before the next step's leak, so v in effect

    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor((1 - lif.leak) / DT), v_th=torch.tensor(lif.threshold), method="triangle", alpha=lif.damping,
        reset_method=reset,
    )  # fmt: skip
    return Layer(SNN(lif_box_feed_forward_step, lambda x: LIFBoxFeedForwardState(v=_silent(x)), parameters, DT))


def integrate_and_fire(current: Tensor, state: LIFBoxFeedForwardState, v: float, dt: float):
    """Norse's own IAF resets to a value; this is its step with the soft reset, in its parts."""
    potential = state.v + current
    spikes = threshold(potential - (v - TIE), "triangle", 1.0)
    return spikes, LIFBoxFeedForwardState(v=potential - spikes * v)


def pool(lif: LIF) -> nn.Module:
    return Layer(SNN(integrate_and_fire, lambda x: LIFBoxFeedForwardState(v=_silent(x)), lif.threshold, DT))


def readout(leak: float) -> nn.Module:
    parameters = LIBoxParameters(tau_mem_inv=torch.tensor((1 - leak) / DT))
    return Layer(SNN(li_box_feed_forward_step, lambda x: LIBoxState(v=_silent(x)), parameters, DT), last=True)


def _silent(current: Tensor) -> Tensor:
    return torch.zeros_like(current[0])


PEER = Peer(
    name="norse",
    fire=fire,
    pool=pool,
    readout=readout,
    differences=(
        "the input is scaled by dt / tau = 1 - leak, which the weights undo (rounding differs)",
        "a neuron fires above its threshold and not at it (the pooling neurons' threshold is 1e-6 lower)",
        "its own soft reset subtracts leak * v in effect; a reset function of v / leak makes it ours. It has no "
        "integrate-and-fire neuron with soft reset: the pooling neurons are one, put together from its parts",
        "the pooling neurons' gradient is the triangle and not the straight-through one",
        "in bf16 autocast the potentials are bfloat16 too",
    ),
    lif_scale=lambda leak: 1 - leak,
    readout_scale=lambda leak: 1 - leak,
)
