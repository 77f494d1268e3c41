"""Dropout's masks drawn on a GPU, bit for bit those of `dropout.keep_mask` on the host."""

import torch
import triton
from torch import Tensor

from pipeline.base.seeding import digest_of
from pipeline.encoding.philox_kernels import BLOCK, LAUNCH, keep_kernel, key_halves
from pipeline.training.dropout import PARTS, dropped


def device_keep_mask(rows: Tensor, inputs: int, share: float, *purpose: object) -> Tensor:
    """bool `[B, inputs]` on the device of `rows`, int64 `[B]`: `keep_mask` of the same rows, share and purpose."""
    mask = torch.empty((len(rows), inputs), dtype=torch.bool, device=rows.device)
    low, high = key_halves(digest_of("dropout", *purpose))
    with torch.cuda.device_of(rows):
        keep_kernel[(len(rows), triton.cdiv(inputs, 32 * BLOCK))](
            rows, mask.view(torch.uint8), low, high, round(PARTS * dropped(share)), inputs, BLOCK=BLOCK, **LAUNCH
        )
    return mask
