"""Train one block on images of your own, without DVC and without files: `python examples/train_block.py`."""

import numpy as np

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, fit_encoder
from pipeline.network.build import Design, build_block
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, PoolLayer, ResidualLayer
from pipeline.neuron.params import NeuronParams
from pipeline.training.device import open_compute
from pipeline.training.feed import EncodedFeed
from pipeline.training.forward import forward_chunks
from pipeline.training.loop import fit
from pipeline.training.params import ComputeParams, TrainingParams
from pipeline.training.step import TrainingSet

# Your images: uint8 [n, C, H, W] with an int64 label each. Here stripes that lie, stand or lean.
random = np.random.default_rng(0)
labels = random.integers(0, 3, 360)
row, column = np.mgrid[:16, :16]
waves = [np.sin(1.5 * phase) for phase in (row, column, (row + column) / 2)]
noise = random.normal(0, 0.5, (len(labels), 1, 16, 16))
images = np.clip(128 + 60 * (np.stack([waves[label] for label in labels])[:, None] + noise), 0, 255).astype(np.uint8)
train, test = np.arange(300), np.arange(300, 360)

# Spikes: 15 steps of signed Poisson noise whose rate follows the pixels.
encoder = fit_encoder(images[train], time_steps=15, max_rate_hz=1000, seed=0)
feed = EncodedFeed(Prepared(images, labels), encoder, "train")

# The block: layers, classifier, neurons. The engine is the fastest that this machine has.
layers = [ConvLayer(kind="conv", channels=8), PoolLayer(kind="pool", size=2), ResidualLayer(kind="residual", channels=16)]
design = Design(
    blocks={"b1": BlockParams(prev="b0", layers=layers, hidden=32, learning_rate=0.002)},
    neuron=NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=0),
    network=NetworkParams(shortcuts=True, init_gain=1.0),
)
compute = open_compute(ComputeParams(micro_batch=30))
block = build_block(design, ["b1"], images.shape[1:], classes=3, hcd=False, purpose="b1", engine=compute.engine)

# Backpropagation through time, three epochs of Adam. The history has a row per epoch.
training = TrainingParams(epochs=3, batch_size=30, schedule="cosine")
history = fit(compute, training, block, [TrainingSet(feed, train, labels[train])], "b1", learning_rate=0.002, seed=0)
print("training accuracy by epoch:", ", ".join(f"{row['train_accuracy']:.2f}" for row in history))

right = sum(
    int((output.logits.argmax(1).cpu().numpy() == labels[rows]).sum())
    for rows, output in forward_chunks(compute, block, feed, test, FIXED)
)
print(f"test accuracy: {right / len(test):.2f}")
