"""Poisson spike trains drawn on a GPU, bit for bit those of `Encoder.encode` and `augment` on the host.

The images stay on the device as they are; a micro-batch's spikes are written once, in the dtype and the layout of the network.
"""

import numpy as np
import torch
import triton
from torch import Tensor

from pipeline.base.seeding import digest_of, row_streams
from pipeline.data.augment import PADDING_SHARE
from pipeline.encoding.philox_kernels import BLOCK, LAUNCH, key_halves, poisson_kernel
from pipeline.encoding.poisson import Encoder


class DeviceEncoder:
    """An encoder whose spike trains are drawn on `device`.

    The host's arithmetic gives the signed probability of every value of a pixel, once; the kernel looks it up, so that no
    rounding can differ.
    """

    def __init__(self, encoder: Encoder, device: torch.device):
        self.encoder = encoder
        channels = len(encoder.mean)
        values = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), (1, channels, 16, 16))
        table = encoder._signed_probability(values).reshape(channels, 256)
        self.table = torch.from_numpy(np.ascontiguousarray(table)).to(device)

    def encode(
        self, images: Tensor, rows: Tensor, split: str, realisation: int, dtype: torch.dtype, shifts: Tensor | None = None
    ) -> Tensor:
        """Spike trains `[T, B, C, H, W]` in {-1, 0, 1}, channels last in memory, of `images[rows]`.

        `images` uint8 `[n, C, H, W]`, `rows` int64 `[B]` and `shifts` int32 `[B, 3]` of `draw_shifts` are on the device.
        """
        _, channels, height, width = images.shape
        steps, batch = self.encoder.time_steps, len(rows)
        per_image = steps * channels * height * width
        spikes = torch.empty((steps, batch, height, width, channels), dtype=dtype, device=images.device)
        low, high = key_halves(digest_of(self.encoder.seed, "poisson", split, realisation))
        with torch.cuda.device_of(images):
            poisson_kernel[(batch, triton.cdiv(per_image, 8 * BLOCK))](
                images.contiguous(), rows, shifts, self.table, spikes, low, high, per_image, batch, channels, height, width,
                SHIFTED=shifts is not None, BLOCK=BLOCK, **LAUNCH,
            )  # fmt: skip
        return spikes.permute(0, 1, 4, 2, 3)


def draw_shifts(rows: np.ndarray, kind: str, size: int, seed: int, split: str, realisation: int) -> np.ndarray | None:
    """int32 `[B, 3]`, what `augment` does to square images `rows` of side `size`; None where it does nothing.

    A pixel (y, x) of the result is the image's at (y + down, x' + right), where x' is x or, if mirrored, size - 1 - x, and
    black outside it; a row is (down, right, mirrored).
    """
    if kind == "none":
        return None
    key = digest_of(seed, "augment", split, realisation)
    padding = size // PADDING_SHARE if kind == "crop_flip" else 0
    shifts = np.empty((len(rows), 3), dtype=np.int32)
    for position, stream in enumerate(row_streams(key, rows)):
        shifts[position, :2] = stream.integers(0, 2 * padding + 1, size=2) - padding
        shifts[position, 2] = stream.random() < 0.5
    return shifts
