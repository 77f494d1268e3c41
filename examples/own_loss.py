"""Train a block with a loss of your own: `python examples/own_loss.py`.

`fit` calls it with the block's output (logits `[B, K]`, spikes `[T, B, C, H, W]`) and with the tensors that the block was given,
among them the labels. It gives the sum over these images, not their mean: the gradients of micro-batches add up.
"""

import numpy as np
from torch.nn.functional import multi_margin_loss

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import fit_encoder
from pipeline.network.build import Design, build_block
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, PoolLayer
from pipeline.neuron.params import NeuronParams
from pipeline.training.device import open_compute
from pipeline.training.feed import EncodedFeed
from pipeline.training.loop import fit
from pipeline.training.params import ComputeParams, TrainingParams
from pipeline.training.step import COLUMN, TrainingSet


def loss(output, tensors):
    """A margin between the right class and the others, and a price on spikes, each of which costs energy."""
    too_often = output.spikes.float().mean((0, 2, 3, 4)).sum()
    return multi_margin_loss(output.logits, tensors[COLUMN], reduction="sum") + too_often


# Images of two classes: the left or the right half is brighter.
random = np.random.default_rng(0)
labels = np.arange(64) % 2
images = random.integers(0, 128, (64, 1, 8, 8)).astype(np.uint8)
for image, label in zip(images, labels, strict=True):
    image[:, :, 4 * label : 4 * label + 4] += 100

layers = [ConvLayer(kind="conv", channels=4), PoolLayer(kind="pool", size=2)]
design = Design(
    blocks={"b1": BlockParams(prev="b0", layers=layers, hidden=16, learning_rate=0.002)},
    neuron=NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=0),
    network=NetworkParams(shortcuts=False, init_gain=1.0),
)
compute = open_compute(ComputeParams(micro_batch=16))
block = build_block(design, ["b1"], (1, 8, 8), classes=2, hcd=False, purpose="b1", engine=compute.engine)
encoder = fit_encoder(images, time_steps=10, max_rate_hz=1000, seed=0)
part = TrainingSet(EncodedFeed(Prepared(images, labels), encoder, "train"), np.arange(64), labels)

training = TrainingParams(epochs=20, batch_size=32, schedule="constant")
history = fit(compute, training, block, [part], "b1", learning_rate=0.005, seed=0, loss=loss)
for row in (history[0], history[-1]):
    print(f"epoch {row['epoch']}: right {row['train_accuracy']:.2f}, spikes per neuron and step {row['rate_b1_1']:.3f}")
