"""Example images: which test images left at each block, and images as data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

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

    @property
    def alt(self) -> str:
        """The image in words."""
        return f"test image {self.index}: {self.label}, predicted {self.prediction}"


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
            spread = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(np.int64)]
            groups.append(Group(key, kind, len(rows), [_sample(images, exits, int(row), names) for row in spread]))
    return groups


def _sample(images: np.ndarray, exits: dict[str, np.ndarray], row: int, names: list[str]) -> Sample:
    index = int(exits["index"][row])
    label, prediction = names[int(exits["label"][row])], names[int(exits["prediction"][row])]
    return Sample(index, label, prediction, image_uri(images[index]))


def image_uri(image: np.ndarray) -> str:
    """A PNG data URI of uint8 `[C, H, W]` with one (grey) or three (RGB) channels, at its own size."""
    stream = io.BytesIO()
    Image.fromarray(image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)).save(stream, format="PNG")
    return _data_uri(stream.getvalue())


def file_uri(path: Path) -> str:
    """A PNG file as a data URI."""
    return _data_uri(path.read_bytes())


def _data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
