"""The forward pass over a whole split, in chunks of one fixed size.

Every chunk is filled up with silent images to the same size: an image then gives the same floating-point result
whatever images stand beside it, so stored outputs and the conditional runner agree to the last bit.
"""

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from tqdm import tqdm

from pipeline.network import Block, BlockOutput
from pipeline.training.feed import Feed, read_ahead

Outputs = Iterator[tuple[np.ndarray, BlockOutput]]


def forward_chunks(
    block: Block, feed: Feed, rows: np.ndarray, realisation: int, chunk: int, device: torch.device, dtype: torch.dtype,
    label: str = "",
) -> Outputs:  # fmt: skip
    """(rows, output) for chunks of `rows` in order; the output's batch axis holds those rows only."""
    chunks = [rows[start : start + chunk] for start in range(0, len(rows), chunk)]
    with tqdm(
        total=len(rows), desc=label, unit="image", leave=False, disable=not (label and sys.stderr.isatty()), mininterval=0.5
    ) as bar:
        reads = [partial(feed.read, part, realisation) for part in chunks]
        for part, host in zip(chunks, read_ahead(reads), strict=True):
            if len(part) < chunk:
                host = np.concatenate([host, np.zeros((chunk - len(part), *host.shape[1:]), host.dtype)])
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
                output = block(feed.to_device(host, device, dtype))
            yield part, trim(output, len(part))
            bar.update(len(part))


def trim(output: BlockOutput, count: int) -> BlockOutput:
    """The first `count` images of an output."""
    hcd = None if output.hcd_logit is None else output.hcd_logit[:count]
    return BlockOutput(output.spikes[:, :count], output.logits[:count], hcd, output.summary[:count])


def to_host(spikes: torch.Tensor) -> np.ndarray:
    """int8 `[B, T, C, H, W]` of spikes `[T, B, C, H, W]` on any device."""
    return spikes.to(torch.int8).cpu().numpy().swapaxes(0, 1)
