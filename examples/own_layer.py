"""Put neurons and layers of your own into a block: `python examples/own_layer.py`.

A function makes each layer from its plan. A layer gets a list of input spikes `[T, B, C, H, W]`, the main one first, and gives
spikes `[T, B, C', H', W']` of the same dtype on the same device; autograd does the rest.
"""

import torch

from pipeline.network.build import Design, build_block, layer_maker
from pipeline.network.layers import SpikingConv
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, PoolLayer, ResidualLayer
from pipeline.neuron.lif import surrogate
from pipeline.neuron.params import NeuronParams


class Spike(torch.autograd.Function):
    """A step forward, the paper's triangle backward."""

    @staticmethod
    def forward(ctx, potential, neuron):
        ctx.save_for_backward(potential)
        ctx.neuron = neuron
        return (potential >= neuron.threshold).to(potential.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * surrogate(ctx.saved_tensors[0], ctx.neuron), None


class LearnedLeak(SpikingConv):
    """A convolution into neurons whose leak is learned (Fang et al. 2021, arXiv:2007.05785)."""

    def __init__(self, plan, neuron, gain, generator, engine):
        super().__init__(plan, neuron, gain, generator, engine)
        self.decay = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs):
        current = self.current(inputs)
        potential, *spikes = torch.zeros((2, *current.shape[1:]), device=current.device)  # float32, as in every engine
        for step in current:
            potential = torch.sigmoid(self.decay) * potential + step - self.neuron.threshold * spikes[-1]
            spikes.append(Spike.apply(potential, self.neuron))
        return torch.stack(spikes[1:]).to(current.dtype)


def make_layer(plan, neuron, gain, generator, engine):
    """The first layer's neurons learn their leak; all other layers are the project's own."""
    make = LearnedLeak if plan.name == "b1_0" else layer_maker(network)
    return make(plan, neuron, gain, generator, engine)


neuron = NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=0)
network = NetworkParams(shortcuts=True, init_gain=1.0, norm="batch")
layers = [ConvLayer(kind="conv", channels=8), PoolLayer(kind="pool", size=2), ResidualLayer(kind="residual", channels=16)]
design = Design({"b1": BlockParams(prev="b0", layers=layers, hidden=32, learning_rate=0.002)}, neuron, network)
block = build_block(design, ["b1"], (1, 16, 16), classes=3, hcd=False, purpose="b1", make_layer=make_layer)
output = block(torch.randint(-1, 2, (15, 4, 1, 16, 16)).float())
output.logits.square().sum().backward()
print(f"mean rate {output.spikes.mean():.3f}, gradient of the learned leak: {block.trunk.layers['b1_0'].decay.grad:.4f}")
