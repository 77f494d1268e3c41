"""The conditional runner: Algorithm 3 for real, deeper blocks run only on the images that go on.

Images that go on wait, as spikes, until they fill a whole chunk for the next block, so every block always works on
chunks of one size (the last one filled up with silence) and gives each image the very logits that were stored for it. Those
of a separate HCD are stored as numpy sums them, so that they may differ in the last bit.
"""

import numpy as np
import torch

from pipeline.encoding.poisson import FIXED
from pipeline.inference.networks import ExitBlock
from pipeline.network.walk import Bundle, joined, rows_of
from pipeline.partition.exit_rule import Exits, exit_rule, nobody_left
from pipeline.training.device import Compute
from pipeline.training.feed import Feed
from pipeline.training.forward import run_chunk


class ConditionalRunner:
    """Early-exit inference of one network; `theta_conf` has a threshold per block."""

    def __init__(self, blocks: list[ExitBlock], theta_conf: list[float], classes: int, compute: Compute):
        self.blocks, self.theta_conf, self.classes, self.compute = blocks, theta_conf, classes, compute

    def run(self, feed: Feed, rows: np.ndarray) -> Exits:
        """Where and how every row leaves, in the order of `rows`."""
        self.running = np.zeros((len(rows), self.classes), dtype=np.float32)
        self.exits = nobody_left(len(rows))
        self.waiting: list[list[tuple[np.ndarray, Bundle]]] = [[] for _ in self.blocks]
        chunk = self.compute.micro_batch
        for start in range(0, len(rows), chunk):
            positions = np.arange(start, min(start + chunk, len(rows)))
            with torch.no_grad(), self.compute.autocast():
                bundle = feed.to_device(feed.read(rows[positions], FIXED), self.compute.device, self.compute.dtype)
            self._block(0, positions, bundle)
            self._drain(whole=True)
        self._drain(whole=False)
        return self.exits

    def _drain(self, whole: bool) -> None:
        """Run deeper blocks on the images that wait for them: whole chunks only, or all that is left."""
        chunk = self.compute.micro_batch
        for index in range(1, len(self.blocks)):
            while True:
                count = sum(len(positions) for positions, _ in self.waiting[index])
                if count == 0 or (whole and count < chunk):
                    break
                positions = np.concatenate([p for p, _ in self.waiting[index]])
                bundle = joined([b for _, b in self.waiting[index]])
                rest = {key: spikes[:, chunk:] for key, spikes in bundle.items()}
                self.waiting[index] = [(positions[chunk:], rest)] if len(positions) > chunk else []
                self._block(index, positions[:chunk], {key: spikes[:, :chunk] for key, spikes in bundle.items()})

    def _block(self, index: int, positions: np.ndarray, bundle: Bundle) -> None:
        here, last = self.blocks[index], index == len(self.blocks) - 1
        output = run_chunk(self.compute, here.block, bundle, len(positions))
        hcd = None if output.hcd_logit is None else output.hcd_logit.cpu().numpy()
        sums = self.running[positions]
        decision = exit_rule(sums, here.vote.on(output.logits.cpu().numpy(), hcd), self.theta_conf[index], last)
        self.running[positions] = sums
        self.exits.record(positions, index + 1, decision)
        if not last and not decision.leaves.all():
            staying = np.flatnonzero(~decision.leaves)
            handed_on = self._handed_on(index, bundle | {here.block.trunk.plans[-1].key: output.spikes})
            rows = torch.from_numpy(staying).to(self.compute.device)
            self.waiting[index + 1].append((positions[staying], rows_of(handed_on, rows)))

    def _handed_on(self, index: int, bundle: Bundle) -> Bundle:
        """What the deeper blocks read of a bundle."""
        wanted = {key for deeper in self.blocks[index + 1 :] for key in deeper.block.trunk.sources}
        return {key: spikes for key, spikes in bundle.items() if key in wanted}
