"""Spike trains on disk and in memory at one bit per spike; signed input has a second plane for the sign, counts of spikes as many
planes as they have bits, the lowest first.

A file `<name>.npy` holds uint8 `[n, bytes]`, one image a row, memory-mapped when read; `<name>.json` beside it the
shape. Within a row the bits run over `[plane, T, H, W, C]`: channels last, as the convolutions read them.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.base.files import DAMAGED_ARRAY, atomic_file, damaged, missing, read_json, write_json


def pack(spikes: np.ndarray, signed: bool, bits: int = 1) -> np.ndarray:
    """uint8 `[B, bytes]` of spikes `[B, T, C, H, W]` in {0, 1}, {-1, 0, 1} if `signed`, or below 2 ** `bits`."""
    last = np.moveaxis(spikes, 2, 4)
    planes = [last != 0, last < 0] if signed else [(last >> place & 1) != 0 for place in range(bits)]
    return np.packbits(np.stack(planes, axis=1).reshape(len(spikes), -1), axis=1)


def unpack(packed: np.ndarray, shape: tuple[int, int, int, int], signed: bool, bits: int = 1) -> np.ndarray:
    """int8 `[B, T, H, W, C]` of rows made by `pack`; `shape` is `(T, C, H, W)`."""
    time, channels, height, width = shape
    count = 2 if signed else bits
    planes = np.unpackbits(packed, axis=1, count=count * time * channels * height * width).view(np.int8)
    planes = planes.reshape(len(packed), count, time, height, width, channels)
    if signed:
        return planes[:, 0] * (1 - 2 * planes[:, 1])
    counts = planes[:, 0]
    for place in range(1, bits):
        counts = counts + (planes[:, place] << place)
    return counts


def write_spikes(path: Path, batches: Iterable[np.ndarray], count: int, signed: bool, bits: int = 1) -> None:
    """Write spikes that arrive as int8 batches `[B, T, C, H, W]`, `count` images in all, without holding them in memory."""
    row = 0
    # Plain writes rather than a memory map, which a full disk would end by a signal instead of an error.
    with atomic_file(path.with_suffix(".npy")) as temporary, temporary.open("wb") as stream:
        for batch in batches:
            packed = pack(batch, signed, bits)
            if row == 0:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, packed.shape[1])}
                np.lib.format.write_array_header_1_0(stream, header)
                shape = [int(n) for n in batch.shape[1:]]
            stream.write(packed.tobytes())
            row += len(packed)
        if row == 0 or row != count:
            raise ValueError(f"{path}: {row} spike trains were given where {count} were announced")
    write_json(path.with_suffix(".json"), {"shape": shape, "signed": signed} | ({"bits": bits} if bits > 1 else {}))


class SpikeFile:
    """Random access to a spike file. `shape` is `(T, C, H, W)`."""

    def __init__(self, path: Path):
        header = read_json(path.with_suffix(".json"))
        try:
            self.shape: tuple[int, int, int, int] = tuple(header["shape"])
            self.signed, self.bits = bool(header["signed"]), int(header.get("bits", 1))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path.with_suffix(".json"), "not the header of a spike file") from error
        array = path.with_suffix(".npy")
        try:
            self._rows = np.load(array, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise missing(array) from error
        except DAMAGED_ARRAY as error:
            raise damaged(array, error) from error
        bits = int(np.prod(self.shape)) * (2 if self.signed else self.bits)
        if self._rows.dtype != np.uint8 or self._rows.ndim != 2 or self._rows.shape[1] != -(-bits // 8):
            raise damaged(array, "its size does not fit the shape in the .json beside it")

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """int8 `[B, T, H, W, C]`: the spike trains of the given rows, channels last."""
        return unpack(self._rows[rows], self.shape, self.signed, self.bits)
