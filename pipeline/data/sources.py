"""The image sources. Each gives pools of uint8 images `[n, C, H, W]` with labels and class names.

A source with a test set of its own gives two pools; one without gives a single pool that `prepare` splits three ways.
"""

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.data.folder import read_image_folder
from pipeline.data.params import DataParams


@dataclass(frozen=True)
class Pool:
    """Images uint8 `[n, C, H, W]` and their class indices int64 `[n]`."""

    images: np.ndarray
    labels: np.ndarray


EXPERIMENTS = (".dvc", "tmp", "exps")


@dataclass(frozen=True)
class Source:
    """`held_out` is the test set that the source itself defines, or None."""

    class_names: list[str]
    pool: Pool
    held_out: Pool | None


def read_source(params: DataParams, raw: Path) -> Source:
    """Read the source named by `data.source`; downloads go to `raw` unless data.path says where.

    Raises:
        UserError: images of another size than `data.image_size`, unreadable or missing data, no network to fetch it.
    """
    source = {"digits": _digits, "cifar10": _cifar, "cifar100": _cifar, "image_folder": _folder}[params.source](params, raw)
    height, width = source.pool.images.shape[2:]
    if (height, width) != (params.image_size, params.image_size):
        raise UserError(
            f"params.yaml: data.image_size is {params.image_size} but images of {params.source} are {height}x{width}; "
            f"set data.image_size: {height}"
        )
    return source


def _digits(params: DataParams, raw: Path) -> Source:
    """scikit-learn's 1,797 handwritten digits (UCI ML, 8x8, 17 grey levels), enlarged bilinearly."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    grey = np.round(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    size = (params.image_size, params.image_size)
    enlarged = np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in grey])
    return Source([str(digit) for digit in range(10)], Pool(enlarged[:, None], labels.astype(np.int64)), None)


def _cifar(params: DataParams, raw: Path) -> Source:
    """CIFAR-10 or CIFAR-100 through torchvision, which downloads it if it is missing and checks its digests."""
    from torchvision.datasets import CIFAR10, CIFAR100

    root = _found(Path(params.path) if params.path else raw)
    dataset = CIFAR10 if params.source == "cifar10" else CIFAR100
    try:
        train, test = (dataset(root, train=train, download=True) for train in (True, False))
    except (OSError, RuntimeError, HTTPException) as error:
        raise UserError(
            f"{root}: {params.source} is not there and could not be downloaded ({error}); copy its archive there, or use "
            "data.source: image_folder with data.path set to a folder or zip of its images"
        ) from error

    def pool(part: CIFAR10 | CIFAR100) -> Pool:
        return Pool(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.asarray(part.targets, dtype=np.int64))

    return Source(list(train.classes), pool(train), pool(test))


def _folder(params: DataParams, raw: Path) -> Source:
    class_names, parts = read_image_folder(_found(Path(params.path or "")), params.image_size)
    train, test = (Pool(*parts[split]) for split in ("train", "test"))
    return Source(class_names, train, test)


def _found(path: Path) -> Path:
    """The path, or what it names in the working folder that a queued or temporary DVC experiment was started from: git does not
    carry images into the experiment's own folder, `.dvc/tmp/exps/<name>`."""
    here = Path.cwd()
    origin = next((above.parents[3] for above in [here, *here.parents] if above.parent.parts[-3:] == EXPERIMENTS), None)
    there = path.is_file() or (path.is_dir() and any(found.name != ".gitkeep" for found in path.iterdir()))
    return path if there or origin is None or path.is_absolute() else origin / path
