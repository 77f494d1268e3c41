"""Where a block's input spikes come from: encoded images, cached features, or images through the frozen earlier blocks.

A feed reads on the host (`read`, safe in a background thread) and puts on the device (`to_device`, where the frozen
prefix runs). Both give spikes by the key of the block that emitted them (b0: the encoder). The realisation selects the Poisson
noise: an epoch's number for training data, FIXED for evaluation.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.base.files import damaged, read_arrays
from pipeline.base.folders import ENCODER
from pipeline.data.augment import augment
from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.encoding.storage import SpikeFile
from pipeline.network.block import Trunk
from pipeline.network.walk import Bundle

Host = dict[str, np.ndarray]
"""What a feed reads: spikes int8 `[B, T, H, W, C]` by the key of the block that emitted them, or what they are drawn from."""
Item = TypeVar("Item")


class Feed(Protocol):
    """Input spikes of one block."""

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """What the spikes of the images `rows` are made of, on the host; silent images fill them up to `count` of them."""
        ...

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """Spikes `[T, B, C, H, W]` on the device, of what `read` gave."""
        ...


class EncodedFeed:
    """Poisson spike trains of images, made when they are asked for; `realisations` of them in turns, 0 for always new.

    Training images are augmented; each realisation has crops and flips of its own.
    """

    def __init__(self, prepared: Prepared, encoder: Encoder, split: str, realisations: int = 0, augmentation: str = "none"):
        self.prepared, self.encoder, self.split = prepared, encoder, split
        self.realisations, self.augmentation = realisations, augmentation

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`."""
        if self.realisations and realisation != FIXED:
            realisation %= self.realisations
        images = self.prepared.images[rows]
        if realisation != FIXED:
            images = augment(images, rows, self.augmentation, self.encoder.seed, self.split, realisation)
        spikes = self.encoder.encode(images, rows, self.split, realisation)
        return {ENCODER: filled_up(np.moveaxis(spikes, 2, 4), count)}

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`."""
        return {key: time_major(spikes, device, dtype) for key, spikes in host.items()}


class CachedFeed:
    """Spike trains from features folders, one per block that emitted them: `<split>`, or `train_r<realisation>` in turns where
    there are several.

    A training file may hold the rows of some classes only; `<split>_rows.npz` then says which.
    """

    def __init__(self, folders: Mapping[str, Path], split: str, realisations: int = 0):
        names = [f"{split}_r{r}" for r in range(realisations)] if realisations else [split]
        self.files = {key: [SpikeFile(folder / name) for name in names] for key, folder in folders.items()}
        self.stored = {key: folder / f"{split}_rows.npz" for key, folder in folders.items()}
        self.rows = {
            key: read_arrays(path)["rows"] if path.exists() else np.arange(len(self.files[key][0]))
            for key, path in self.stored.items()
        }

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`.

        Raises:
            UserError: an image is not in the files.
        """
        return {key: filled_up(self._read(key, rows, realisation), count) for key in self.files}

    def _read(self, key: str, rows: np.ndarray, realisation: int) -> np.ndarray:
        files, stored = self.files[key], self.rows[key]
        places = np.searchsorted(stored, rows)
        if not np.array_equal(stored.take(places, mode="clip"), rows):
            raise damaged(self.stored[key], "images asked for are not in it")
        return files[0 if realisation == FIXED else realisation % len(files)].read(places)

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`."""
        return {key: time_major(spikes, device, dtype) for key, spikes in host.items()}


class PrefixFeed:
    """Another feed's spikes through the frozen trunk of the earlier blocks, of which the outputs `wanted` are handed on."""

    def __init__(self, source: Feed, prefix: Trunk, wanted: Sequence[str]):
        self.source, self.prefix, self.wanted = source, prefix.eval().requires_grad_(False), tuple(wanted)

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`: those of the source."""
        return self.source.read(rows, realisation, count)

    @torch.no_grad()
    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`: the spikes of the earlier blocks."""
        outputs = self.prefix.outputs(self.source.to_device(host, device, dtype))
        return {key: outputs[key] for key in self.wanted}


def filled_up(host: np.ndarray, count: int) -> np.ndarray:
    """`[count, ...]`: zeros behind what is there; itself where it has as many."""
    missing = count - len(host)
    return host if missing <= 0 else np.concatenate([host, np.zeros((missing, *host.shape[1:]), host.dtype)])


def time_major(host: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Spikes `[T, B, C, H, W]` with channels-last memory of host spikes int8 `[B, T, H, W, C]`."""
    source = torch.from_numpy(np.ascontiguousarray(host)).to(device, non_blocking=True).permute(1, 0, 2, 3, 4)
    return torch.empty(source.shape, dtype=dtype, device=device).copy_(source).permute(0, 1, 4, 2, 3)


def read_ahead(reads: Sequence[Callable[[], Item]]) -> Iterator[Item]:
    """The result of each read in order, the next one under way in the background while this one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = [pool.submit(read) for read in reads[:1]]
        for position in range(len(reads)):
            host = coming.pop().result()
            coming = [pool.submit(read) for read in reads[position + 1 : position + 2]]
            yield host
