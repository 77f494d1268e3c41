"""The conditional runner: Algorithm 3 for real, deeper blocks run only on the images that go on.

Images that go on wait, as spikes, until they fill a whole chunk for the next block, so every block always works on
chunks of one size (the last one filled up with silence) and gives each image the very logits that were stored for it. Those
of a separate HCD are stored as numpy sums them, so that they may differ in the last bit.
"""

import numpy as np
import torch
from torch import Tensor

from pipeline.encoding import FIXED
from pipeline.inference.networks import Stage
from pipeline.network import Block
from pipeline.partition.exit_rule import BlockVote, Exits, exit_rule
from pipeline.training.feed import Feed


class ConditionalRunner:
    """Early-exit inference over one feed. Use once: `run(rows)`."""

    def __init__(
        self, stages: list[Stage], theta_conf: list[float], classes: int, chunk: int, dtype: torch.dtype, device: torch.device
    ):
        self.stages, self.theta_conf, self.classes = stages, theta_conf, classes
        self.chunk, self.dtype, self.device = chunk, dtype, device

    def run(self, feed: Feed, rows: np.ndarray) -> Exits:
        """exit_block and prediction of every row, in the order of `rows`."""
        self.running = np.zeros((len(rows), self.classes), dtype=np.float32)
        self.exits = Exits(np.zeros(len(rows), dtype=np.int64), np.full(len(rows), -1, dtype=np.int64))
        self.waiting: list[list[tuple[np.ndarray, Tensor]]] = [[] for _ in self.stages]
        for start in range(0, len(rows), self.chunk):
            positions = np.arange(start, min(start + self.chunk, len(rows)))
            spikes = feed.to_device(feed.read(rows[positions], FIXED), self.device, self.dtype)
            self._block(0, positions, spikes)
            self._drain(whole=True)
        self._drain(whole=False)
        return self.exits

    def _drain(self, whole: bool) -> None:
        """Run deeper blocks on the images that wait for them: whole chunks only, or all that is left."""
        for index in range(1, len(self.stages)):
            while True:
                count = sum(len(positions) for positions, _ in self.waiting[index])
                if count == 0 or (whole and count < self.chunk):
                    break
                positions = np.concatenate([p for p, _ in self.waiting[index]])
                spikes = torch.cat([s for _, s in self.waiting[index]], dim=1)
                rest = (positions[self.chunk :], spikes[:, self.chunk :])
                self.waiting[index] = [rest] if len(rest[0]) else []
                self._block(index, positions[: self.chunk], spikes[:, : self.chunk])

    def _block(self, index: int, positions: np.ndarray, spikes: Tensor) -> None:
        stage, last = self.stages[index], index == len(self.stages) - 1
        output = run_chunk(stage.block, spikes, self.chunk)
        logits, hcd = output[1], output[2]
        known = stage.vote
        vote = BlockVote(logits, known.classes, hcd, known.theta_low, known.theta_high, known.easy, known.hard)
        sums = self.running[positions]
        leaves, prediction = exit_rule(sums, vote, self.theta_conf[index], last)
        self.running[positions] = sums
        self.exits.exit_block[positions[leaves]] = index + 1
        self.exits.prediction[positions[leaves]] = prediction[leaves]
        if not last and not leaves.all():
            staying = np.flatnonzero(~leaves)
            self.waiting[index + 1].append((positions[staying], output[0][:, torch.from_numpy(staying).to(output[0].device)]))


@torch.no_grad()
def run_chunk(block: Block, spikes: Tensor, chunk: int) -> tuple[Tensor, np.ndarray, np.ndarray | None]:
    """(spikes, logits `[B, K]`, hcd_logit `[B]` or None) of up to `chunk` images, run as a chunk of exactly that size."""
    count = spikes.shape[1]
    if count < chunk:
        silence = torch.zeros(
            (len(spikes), chunk - count, *spikes.shape[3:], spikes.shape[2]), dtype=spikes.dtype, device=spikes.device
        )
        spikes = torch.cat([spikes, silence.permute(0, 1, 4, 2, 3)], dim=1)
    spikes = spikes.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)  # channels last, like a feed's
    with torch.autocast(spikes.device.type, torch.bfloat16, enabled=spikes.dtype == torch.bfloat16):
        output = block(spikes)
    hcd = None if output.hcd_logit is None else output.hcd_logit[:count].cpu().numpy()
    return output.spikes[:, :count], output.logits[:count].cpu().numpy(), hcd
