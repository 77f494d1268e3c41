"""SpikingJelly 2 in multi-step mode: `LIFNode` and `IFNode` with soft reset over whole spike trains."""

from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from benchmarks.peers.common import Peer, Triangle
from pipeline.neuron.lif import LIF


class DampedTriangle(surrogate.SurrogateFunctionBase):
    """The triangle with this project's damping; SpikingJelly's own PiecewiseQuadratic has damping 1."""

    def __init__(self, damping: float):
        super().__init__(damping=damping)

    @staticmethod
    def spiking_function(x: Tensor, damping: float) -> Tensor:
        return Triangle.apply(x, damping)


class Readout(nn.Module):
    """A leaky integrator that never fires; it divides its input by tau, which the weights undo."""

    def __init__(self, leak: float):
        super().__init__()
        self.node = neuron.NonSpikingLIFNode(tau=1 / (1 - leak), decode="last_mem")

    def forward(self, current: Tensor) -> Tensor:
        return self.node(current)


def fire(lif: LIF) -> nn.Module:
    return neuron.LIFNode(
        tau=1 / (1 - lif.leak), decay_input=False, v_threshold=lif.threshold, v_reset=None,
        surrogate_function=DampedTriangle(lif.damping), step_mode="m",
    )  # fmt: skip


def pool(lif: LIF) -> nn.Module:
    return neuron.IFNode(v_threshold=lif.threshold, v_reset=None, surrogate_function=DampedTriangle(1.0), step_mode="m")


PEER = Peer(
    name="spikingjelly",
    fire=fire,
    pool=pool,
    readout=Readout,
    differences=(
        "the reset is subtracted within the step, before the next step's leak, so a spike costs leak * v instead of v "
        "(U[t+1] = leak (U[t] - v S[t]) + I[t]): spikes part slowly from ours after a neuron's first spike",
        "the pooling neurons' gradient is the triangle and not the straight-through one",
        "in bf16 autocast the potentials are bfloat16 too",
    ),
    readout_scale=lambda leak: 1 - leak,
    reset_leaks=True,
    reset=functional.reset_net,
)
