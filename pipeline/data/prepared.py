"""The prepared images on disk: data/prepared/{train,validation,test}.npz and manifest.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.files import damaged, read_arrays, read_json, write_arrays, write_json

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """One split: images uint8 `[n, C, H, W]`, label int64 `[n]`."""

    images: np.ndarray
    label: np.ndarray

    def save(self, folder: Path, split: str) -> None:
        """Write <split>.npz."""
        write_arrays(folder / f"{split}.npz", {"images": self.images, "label": self.label})


def load_prepared(folder: Path, split: str) -> Prepared:
    """One split of `folder` (data/prepared).

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / f"{split}.npz"
    arrays = read_arrays(path)
    if set(arrays) != {"images", "label"} or len(arrays["images"]) != len(arrays["label"]):
        raise damaged(path, "not images with one label each")
    return Prepared(arrays["images"], arrays["label"])


@dataclass(frozen=True)
class Manifest:
    """What the images are: `image_shape` (C, H, W), images per split in all (`counts[split]["total"]`) and per class
    (`["per_class"]`), a digest of the pixels of each split."""

    source: str
    class_names: list[str]
    image_shape: tuple[int, int, int]
    counts: dict[str, dict[str, Any]]
    sha256_of_pixels: dict[str, str]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def save(self, folder: Path) -> None:
        """Write manifest.json."""
        write_json(folder / "manifest.json", {name: getattr(self, name) for name in self.__dataclass_fields__})


def load_manifest(folder: Path) -> Manifest:
    """manifest.json of `folder` (data/prepared).

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / "manifest.json"
    content = read_json(path)
    try:
        channels, height, width = content["image_shape"]
        return Manifest(**{**content, "image_shape": (channels, height, width)})
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, "not the manifest of prepared images") from error
