"""A training set that a small block learns within a few epochs."""

import numpy as np

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import Encoder
from pipeline.training.feed import EncodedFeed
from pipeline.training.step import TrainingSet

CLASSES = 4


def training_set(count, seed=0, hcd=False, split="train"):
    """Images of `CLASSES` classes told apart by the quadrant that is bright."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, CLASSES, count)
    images = rng.integers(0, 100, (count, 1, 8, 8))
    for image, c in zip(images, label, strict=True):
        image[0, 4 * (c // 2) : 4 * (c // 2) + 4, 4 * (c % 2) : 4 * (c % 2) + 4] += 155
    encoder = Encoder((0.3,), (0.3,), 2.3, 4, 1.0, 0)
    feed = EncodedFeed(Prepared(images.astype(np.uint8), label), encoder, split, 2)
    return TrainingSet(feed, np.arange(count), label, (label > 1).astype(np.float32) if hcd else None)
