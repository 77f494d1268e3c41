"""Dropout of the spikes into a classifier (Srivastava et al. 2014), with one mask for all steps of an image (Lee et al. 2020,
doi 10.3389/fnins.2020.00119): a mask that changed from step to step would average out in the potentials.

The paper mentions none; Lee et al., whose settings it cites, use it (docs/assumptions.md).
"""

import numpy as np

from pipeline.base.seeding import digest_of, row_streams

PARTS = 256


def dropped(share: float) -> float:
    """The share that `keep_mask` drops: `share` to the next 1/256, as inputs are kept by a random byte each."""
    return round(PARTS * share) / PARTS


def keep_mask(rows: np.ndarray, inputs: int, share: float, *purpose: object) -> np.ndarray:
    """bool `[B, inputs]`: which inputs the images `rows` keep, each with probability 1 - dropped(share); the same for a row
    and `purpose` whatever the other rows."""
    key, lowest = digest_of("dropout", *purpose), round(PARTS * dropped(share))
    mask = np.empty((len(rows), inputs), dtype=bool)
    for position, stream in enumerate(row_streams(key, rows)):
        mask[position] = np.frombuffer(stream.bytes(inputs), np.uint8) >= lowest
    return mask
