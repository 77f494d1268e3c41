"""Train a block with a loss and a loop of your own: `python examples/own_loss.py`.

A block is a torch module. It takes input spikes `[T, B, C, H, W]` and gives logits `[B, K]`, its own spikes and, where it has a
hard class detector, that one's logit. Backpropagation through time is torch's `backward`.
"""

import torch
from torch.nn.functional import multi_margin_loss

from pipeline.network.build import Design, build_block
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, PoolLayer
from pipeline.neuron.params import NeuronParams

# Input spikes of two classes: the left or the right half of the image fires more often.
random = torch.Generator().manual_seed(0)
labels = torch.arange(64) % 2
rate = torch.full((64, 1, 8, 8), 0.1)
for image, label in enumerate(labels):
    rate[image, :, :, 4 * label : 4 * label + 4] = 0.4
spikes = (torch.rand((10, *rate.shape), generator=random) < rate).float()

layers = [ConvLayer(kind="conv", channels=4), PoolLayer(kind="pool", size=2)]
design = Design(
    blocks={"b1": BlockParams(prev="b0", layers=layers, hidden=16, learning_rate=0.002)},
    neuron=NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=0),
    network=NetworkParams(shortcuts=False, init_gain=1.0),
)
block = build_block(design, ["b1"], (1, 8, 8), classes=2, hcd=False, purpose="b1")
optimizer = torch.optim.Adam(block.parameters(), lr=0.005)

for step in range(30):
    output = block(spikes)
    too_often = output.spikes.mean()  # every spike costs energy
    loss = multi_margin_loss(output.logits, labels) + 0.1 * too_often
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        right = (output.logits.argmax(1) == labels).float().mean()
        print(f"step {step + 1}: loss {loss:.3f}, right {right:.2f}, spikes per neuron and step {too_often:.3f}")
