"""Random crops, shifts and horizontal flips, which the paper does not mention; its predecessors use crops and flips
(docs/assumptions.md).

torchvision's RandomCrop(size, padding=size // 8) and RandomHorizontalFlip draw from the global generator, so the same
two steps are taken here with a generator of their own per image.
"""

import numpy as np

from pipeline.base.seeding import digest_of, row_streams

PADDING_SHARE = 8  # a 32-pixel image is padded by 4, the usual recipe for CIFAR
SHIFT = 2
"""Pixels (Jordan 2024, arXiv:2404.00498, who also mirrors in turns)."""


def augment(images: np.ndarray, rows: np.ndarray, kind: str, seed: int, split: str, realisation: int) -> np.ndarray:
    """Images uint8 `[B, C, H, W]` as (seed, split, realisation, row) decide: "flip" mirrors half of them, "crop_flip" crops
    all of them as well, "shift_turns" moves them by up to SHIFT pixels, with reflected edges, and mirrors each in every second
    realisation, "none" returns them unchanged."""
    if kind == "none":
        return images
    if kind == "shift_turns":
        return _shift_turns(images, rows, digest_of(seed, "augment", split, realisation), realisation)
    key = digest_of(seed, "augment", split, realisation)
    size = images.shape[2]
    padding = size // PADDING_SHARE if kind == "crop_flip" else 0
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    result = np.empty_like(images)
    for position, stream in enumerate(row_streams(key, rows)):
        top, left = stream.integers(0, 2 * padding + 1, size=2)
        crop = padded[position, :, top : top + size, left : left + size]
        result[position] = crop[:, :, ::-1] if stream.random() < 0.5 else crop
    return result


def _shift_turns(images: np.ndarray, rows: np.ndarray, key: int, realisation: int) -> np.ndarray:
    size = images.shape[2]
    padded = np.pad(images, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="reflect")
    result = np.empty_like(images)
    for position, stream in enumerate(row_streams(key, rows)):
        top, left = stream.integers(0, 2 * SHIFT + 1, size=2)
        moved = padded[position, :, top : top + size, left : left + size]
        result[position] = moved[:, :, ::-1] if (rows[position] + realisation) % 2 else moved
    return result
