"""BlocTrain in memory, two blocks on scikit-learn's digits, without DVC and without files: `python examples/bloctrain.py`."""

import numpy as np
from sklearn.datasets import load_digits

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, fit_encoder
from pipeline.inference.networks import ExitBlock
from pipeline.inference.runner import ConditionalRunner
from pipeline.network.build import Design, build_block
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, ResidualLayer
from pipeline.neuron.params import NeuronParams
from pipeline.partition.calibration import calibrate
from pipeline.partition.exit_rule import BlockVote
from pipeline.partition.hardness import class_accuracies, divide, hardness_threshold
from pipeline.partition.params import ThresholdParams
from pipeline.training.assignment import class_rows
from pipeline.training.device import open_compute
from pipeline.training.feed import EncodedFeed, PrefixFeed
from pipeline.training.forward import forward_chunks
from pipeline.training.loop import fit
from pipeline.training.params import ComputeParams, HcdParams, TrainingParams
from pipeline.training.step import TrainingSet

pixels, label = load_digits(return_X_y=True)
images = (pixels.reshape(-1, 1, 8, 8) * 15.9).astype(np.uint8)
train, validation, test = np.split(np.random.default_rng(0).permutation(len(label)), [1000, 1400])
train, validation, test = np.sort(train), np.sort(validation), np.sort(test)
encoder = fit_encoder(images[train], time_steps=10, max_rate_hz=1000, seed=0)
feed = EncodedFeed(Prepared(images, label), encoder, "train")

first_layers, second_layers = [ConvLayer(kind="conv", channels=8)], [ResidualLayer(kind="residual", channels=16, stride=2)]
design = Design(
    blocks={
        "b1": BlockParams(prev="b0", layers=first_layers, hidden=32, learning_rate=0.002),
        "b2": BlockParams(prev="b1", layers=second_layers, hidden=32, learning_rate=0.002),
    },
    neuron=NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=0),
    network=NetworkParams(shortcuts=True, init_gain=1.0),
)
compute = open_compute(ComputeParams(micro_batch=50))
training = TrainingParams(epochs=5, batch_size=50, schedule="cosine")


def trained(key, given, classes, hard):
    """The block `key`, trained on the images of `classes` in the feed `given`; with a detector of those of `hard`, if any."""
    rows, column = class_rows(label[train], classes)
    is_hard = np.isin(label[train][rows], hard).astype(np.float32) if len(hard) else None
    block = build_block(design, [key], (1, 8, 8), len(classes), bool(len(hard)), key, compute.engine)
    part = TrainingSet(given, train[rows], column, is_hard)
    fit(compute, training, block, [part], key, design.blocks[key].learning_rate, seed=0)
    return block.requires_grad_(False).eval()


def outputs(block, given, rows):
    """The block's logits float32 `[n, classes]` and its detector's `[n]`, of the images `rows`."""
    found = [output for _, output in forward_chunks(compute, block, given, rows, FIXED)]
    hcd = None if found[0].hcd_logit is None else np.concatenate([one.hcd_logit.cpu().numpy() for one in found])
    return np.concatenate([one.logits.cpu().numpy() for one in found]), hcd


# Block 1 learns all classes. Those at or below the mean accuracy on validation images are hard (Algorithm 1).
every = np.arange(10)
first = trained("b1", feed, every, [])
prediction = outputs(first, feed, validation)[0].argmax(1)
accuracy = class_accuracies(prediction, label[validation], 10)["one_vs_rest"]
easy, hard = divide(accuracy, list(every), hardness_threshold(accuracy, ThresholdParams(mode="relative", value=0.0)))
print(f"hard after block 1: {hard}")

# Block 2 learns on the spikes of the frozen block 1, with a detector of hard classes. Its thresholds come from validation images.
behind = PrefixFeed(feed, first.trunk, ["b1"])
second = trained("b2", behind, every, hard)
_, hcd_logit = outputs(second, behind, validation)
thetas = calibrate(hcd_logit, np.isin(label[validation], hard), HcdParams(joint=True, keep_hard=0.95, spare_hard=0.99))

# Inference: an image leaves block 1 where that is sure enough; the last block decides about the others (Algorithm 3).
nothing = np.zeros((0, 10), np.float32)
votes = [
    BlockVote(nothing, every),
    BlockVote(nothing, every, None, thetas.theta_low, thetas.theta_high, tuple(easy), tuple(hard)),
]
blocks = [ExitBlock(block, vote) for block, vote in zip((first, second), votes, strict=True)]
for theta_conf in (1.0, 0.9, 0.7):
    exits = ConditionalRunner(blocks, [theta_conf, theta_conf], 10, compute).run(feed, test)
    right, early = (exits.prediction == label[test]).mean(), (exits.exit_block == 1).mean()
    print(f"theta_conf {theta_conf}: {early:.0%} leave after block 1, test accuracy: {right:.3f}")
