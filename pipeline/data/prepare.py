"""Read a source, split it, stratified and seeded, and write the splits with their manifest."""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from pipeline.base.errors import UserError
from pipeline.base.seeding import torch_seed
from pipeline.data.params import DataParams, SplitParams
from pipeline.data.prepared import Manifest, Prepared
from pipeline.data.sources import Pool, Source, read_source


def prepare(params: DataParams, seed: int, folder: Path, raw: Path) -> None:
    """Read, split and write the images into `folder`, with a manifest of counts, class names and digests; downloads go to `raw`.

    Raises:
        UserError: the source cannot be read, or a split cannot be filled with every class.
    """
    source = read_source(params, raw)
    if source.pool.images.min() == source.pool.images.max():
        raise UserError(
            f"{params.path or params.source}: every pixel of the training images is {source.pool.images.max()}; replace them"
        )
    splits = split_source(source, params.split, seed)
    classes = len(source.class_names)
    for name, pool in splits.items():
        Prepared(pool.images, pool.labels).save(folder, name)
    Manifest(
        source=params.source,
        class_names=source.class_names,
        image_shape=source.pool.images.shape[1:],
        counts={
            name: {"total": len(pool.labels), "per_class": np.bincount(pool.labels, minlength=classes).tolist()}
            for name, pool in splits.items()
        },
        sha256_of_pixels={name: hashlib.sha256(pool.images.tobytes()).hexdigest() for name, pool in splits.items()},
    ).save(folder)


def split_source(source: Source, sizes: SplitParams, seed: int) -> dict[str, Pool]:
    """Stratified splits of the wanted sizes; the same for the same seed."""
    rest = source.pool
    test = source.held_out
    if test is None:
        rest, test = _divide(rest, sizes.train + sizes.validation * sizes.held_out, sizes.test, seed, "test")
    else:
        test = _reduce(test, sizes.test, seed, "data.split.test")
    if sizes.held_out:
        train, validation = _divide(rest, sizes.train, sizes.validation, seed, "validation")
    else:
        train = _reduce(rest, sizes.train, seed, "data.split.train")
        validation = _reduce(train, sizes.validation, seed, "data.split.validation")
    splits = {"train": train, "validation": validation, "test": test}
    for name, pool in splits.items():
        counts = np.bincount(pool.labels, minlength=len(source.class_names))
        if counts.min() == 0:
            _too_few(source, int(counts.argmin()), name)
    return splits


def _divide(pool: Pool, first: int, second: int, seed: int, purpose: str) -> tuple[Pool, Pool]:
    if first + second > len(pool.labels):
        raise UserError(
            f"params.yaml: data.split asks for {first} + {second} images ({purpose}) but the source has {len(pool.labels)}; "
            "lower train, validation or test"
        )
    counts = np.unique(pool.labels, return_counts=True)[1]
    smallest, classes = int(counts.min()), len(counts)
    if smallest < 2 or min(first, second) < classes:
        raise UserError(
            f"params.yaml: data.split: {classes} classes, the rarest with {smallest} image(s), cannot be split into {first} "
            f"and {second} ({purpose}); add images or change the sizes"
        )
    rows = np.arange(len(pool.labels))
    state = torch_seed(seed, "split", purpose) % 2**32
    left, right = train_test_split(rows, train_size=first, test_size=second, stratify=pool.labels, random_state=state)
    return tuple(Pool(pool.images[np.sort(part)], pool.labels[np.sort(part)]) for part in (left, right))  # type: ignore[return-value]


def _reduce(pool: Pool, size: int, seed: int, key: str) -> Pool:
    if size == len(pool.labels):
        return pool
    if size > len(pool.labels):
        raise UserError(f"params.yaml: {key} is {size} but there are {len(pool.labels)} images to draw them from; lower it")
    if len(pool.labels) - size < len(np.unique(pool.labels)):
        rows = np.sort(np.random.default_rng(torch_seed(seed, "split", key)).permutation(len(pool.labels))[:size])
        return Pool(pool.images[rows], pool.labels[rows])
    return _divide(pool, size, len(pool.labels) - size, seed, key)[0]


def _too_few(source: Source, label: int, split: str) -> None:
    pools = [source.pool] + ([source.held_out] if source.held_out else [])
    total = sum(int((pool.labels == label).sum()) for pool in pools)
    raise UserError(
        f"params.yaml: data.split: class {source.class_names[label]!r} has too few images ({total}) for one in the {split} "
        "split; add images, drop the class, or change the sizes"
    )
