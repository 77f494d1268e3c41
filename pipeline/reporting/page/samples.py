"""Example images: which test images left at each block, and images as data URIs."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

SHOWN = 8
"""Images per group on the page."""


@dataclass(frozen=True)
class Sample:
    """One test image: its row in data/prepared/test.npz, its class, the prediction, and the image as a data URI."""

    index: int
    label: str
    prediction: str
    uri: str


@dataclass(frozen=True)
class Group:
    """Images that left at one block: rightly predicted ones of easy classes, of hard classes, or mistakes."""

    block: str
    kind: str
    total: int
    samples: list[Sample]


def sample_groups(
    images: np.ndarray, exits: dict[str, np.ndarray], keys: list[str], hard: list[int], names: list[str]
) -> list[Group]:
    """Per block three groups, each of up to SHOWN images spread evenly over the test split, which may be sorted by class.

    `images` is uint8 `[n, C, H, W]`; `exits` is exits_test.npz; `hard` are the hard classes after block 1.
    """
    right, is_hard = exits["prediction"] == exits["label"], np.isin(exits["label"], hard)
    kinds = {"easy class, right": right & ~is_hard, "hard class, right": right & is_hard, "mistake": ~right}
    groups = []
    for position, key in enumerate(keys, start=1):
        for kind, mask in kinds.items():
            rows = np.flatnonzero((exits["exit_block"] == position) & mask)
            samples = []
            for row in rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(np.int64)]:
                index, label, prediction = (int(exits[name][row]) for name in ("index", "label", "prediction"))
                samples.append(Sample(index, names[label], names[prediction], png_uri(_png(images[index]))))
            groups.append(Group(key, kind, len(rows), samples))
    return groups


def _png(image: np.ndarray) -> bytes:
    """uint8 `[C, H, W]` with one (grey) or three (RGB) channels as a PNG of its own size."""
    stream = io.BytesIO()
    Image.fromarray(image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)).save(stream, format="PNG")
    return stream.getvalue()


def png_uri(content: bytes) -> str:
    """The bytes of a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
