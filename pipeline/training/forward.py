"""The forward pass over a whole split, in chunks of one fixed size.

Every chunk is filled up with silent images to the same size: an image then gives the same floating-point result
whatever images stand beside it, so stored outputs and the conditional runner agree to the last bit.
"""

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline.network.block import Block, BlockOutput
from pipeline.network.walk import Bundle
from pipeline.training.device import Compute
from pipeline.training.feed import Feed, read_ahead

Outputs = Iterator[tuple[np.ndarray, BlockOutput]]


def forward_chunks(compute: Compute, block: Block, feed: Feed, rows: np.ndarray, realisation: int, label: str = "") -> Outputs:
    """(rows, output) for chunks of `rows` in order; the output's batch axis holds those rows only."""
    chunk = compute.micro_batch
    chunks = [rows[start : start + chunk] for start in range(0, len(rows), chunk)]
    with tqdm(
        total=len(rows), desc=label, unit="image", leave=False, disable=not (label and sys.stderr.isatty()), mininterval=0.5
    ) as bar:
        reads = [partial(feed.read, part, realisation, chunk) for part in chunks]
        for part, host in zip(chunks, read_ahead(reads), strict=True):
            with torch.no_grad(), compute.autocast():
                bundle = feed.to_device(host, compute.device, compute.dtype)
            yield part, run_chunk(compute, block, bundle, len(part))
            bar.update(len(part))


@torch.no_grad()
def run_chunk(compute: Compute, block: Block, bundle: Bundle, count: int) -> BlockOutput:
    """Evaluate up to `compute.micro_batch` images as a chunk of exactly that size; the output holds the first `count`."""
    was_training = block.training
    block.eval()
    with compute.autocast():
        output = block({key: _filled_up(spikes, compute.micro_batch) for key, spikes in bundle.items()})
    block.train(was_training)
    hcd = None if output.hcd_logit is None else output.hcd_logit[:count]
    return BlockOutput(output.spikes[:, :count], output.logits[:count], hcd, output.summary[:count])


def _filled_up(spikes: Tensor, chunk: int) -> Tensor:
    """Spikes `[T, chunk, C, H, W]`, channels last as a feed's: silence behind the images given."""
    missing = chunk - spikes.shape[1]
    if not missing and spikes.stride(0) == 0:  # one step in memory stands for all
        return spikes
    last = spikes.permute(0, 1, 3, 4, 2)
    if missing:
        last = torch.cat([last, last.new_zeros((len(last), missing, *last.shape[2:]))], dim=1)
    return last.contiguous().permute(0, 1, 4, 2, 3)


def to_host(spikes: Tensor) -> np.ndarray:
    """int8 `[B, T, C, H, W]` of spikes `[T, B, C, H, W]` on any device."""
    return spikes.to(torch.int8).cpu().numpy().swapaxes(0, 1)
