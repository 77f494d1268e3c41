"""Where a block's input spikes come from: encoded images, cached features, or images through the frozen prefix.

A feed reads on the host (`read`, safe in a background thread) and puts on the device (`to_device`, where the frozen
prefix runs). The realisation selects the Poisson noise: an epoch's number for training data, FIXED for evaluation.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.base.files import damaged, read_arrays
from pipeline.data import Prepared, augment
from pipeline.encoding import FIXED, Encoder, SpikeFile
from pipeline.network import Trunk


class EncodedFeed:
    """Poisson spike trains of images, made when they are asked for; `realisations` of them in turns, 0 for always new.

    Training images are augmented; each realisation has crops and flips of its own.
    """

    def __init__(self, prepared: Prepared, encoder: Encoder, split: str, realisations: int = 0, augmentation: str = "none"):
        self.prepared, self.encoder, self.split = prepared, encoder, split
        self.realisations, self.augmentation = realisations, augmentation

    def read(self, rows: np.ndarray, realisation: int) -> np.ndarray:
        """int8 `[B, T, H, W, C]`."""
        if self.realisations and realisation != FIXED:
            realisation %= self.realisations
        images = self.prepared.images[rows]
        if realisation != FIXED:
            images = augment(images, rows, self.augmentation, self.encoder.seed, self.split, realisation)
        return np.moveaxis(self.encoder.encode(images, rows, self.split, realisation), 2, 4)

    def to_device(self, host: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
        return time_major(host, device, dtype)


class CachedFeed:
    """Spike trains from a features folder: `<split>`, or `train_r<realisation>` in turns where there are several.

    A training file may hold the rows of some classes only; `<split>_rows.npz` then says which.
    """

    def __init__(self, folder: Path, split: str, realisations: int = 0):
        names = [f"{split}_r{r}" for r in range(realisations)] if realisations else [split]
        self.files = [SpikeFile(folder / name) for name in names]
        self.stored = folder / f"{split}_rows.npz"
        self.rows = read_arrays(self.stored)["rows"] if self.stored.exists() else np.arange(len(self.files[0]))

    def read(self, rows: np.ndarray, realisation: int) -> np.ndarray:
        """int8 `[B, T, H, W, C]`."""
        file = self.files[0 if realisation == FIXED else realisation % len(self.files)]
        places = np.searchsorted(self.rows, rows)
        if not np.array_equal(self.rows.take(places, mode="clip"), rows):
            raise damaged(self.stored, "images asked for are not in it")
        return file.read(places)

    def to_device(self, host: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
        return time_major(host, device, dtype)


class PrefixFeed:
    """Another feed's spikes through the frozen trunk of the earlier blocks."""

    def __init__(self, source: EncodedFeed | CachedFeed, prefix: Trunk):
        self.source, self.prefix = source, prefix

    def read(self, rows: np.ndarray, realisation: int) -> np.ndarray:
        return self.source.read(rows, realisation)

    @torch.no_grad()
    def to_device(self, host: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
        return self.prefix(self.source.to_device(host, device, dtype))


Feed = EncodedFeed | CachedFeed | PrefixFeed


def time_major(host: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Spikes `[T, B, C, H, W]` with channels-last memory of host spikes int8 `[B, T, H, W, C]`."""
    source = torch.from_numpy(np.ascontiguousarray(host)).to(device, non_blocking=True).permute(1, 0, 2, 3, 4)
    return torch.empty(source.shape, dtype=dtype, device=device).copy_(source).permute(0, 1, 4, 2, 3)


def read_ahead(reads: Sequence[Callable[[], np.ndarray]]) -> Iterator[np.ndarray]:
    """The result of each read in order, the next one under way in the background while this one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = [pool.submit(read) for read in reads[:1]]
        for position in range(len(reads)):
            host = coming.pop().result()
            coming = [pool.submit(read) for read in reads[position + 1 : position + 2]]
            yield host
