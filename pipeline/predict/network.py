"""A trained network that predicts: early exit for real, image by image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pipeline.accounting.network_cost import NetworkCost
from pipeline.anytime.runner import Policy, TimeRunner
from pipeline.base.errors import UserError
from pipeline.base.folders import ENCODER
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.inference.networks import ExitBlock
from pipeline.inference.params import thresholds
from pipeline.inference.runner import ConditionalRunner
from pipeline.network.walk import Bundle
from pipeline.predict.answer import Answer
from pipeline.predict.images import as_pixels
from pipeline.training.device import Compute
from pipeline.training.direct_feed import normalised
from pipeline.training.feed import Host, filled_up, time_major

SPLIT = "test"
"""The split whose noise predictions draw: a test image with its own row gives the stored exits again."""


@dataclass(frozen=True)
class Network:
    """One method's network as trained; `Run.network` makes it. Images leave by `timed`, a policy in depth and time with the steps
    after which its slices end, where there is one; else by `theta_conf`, after all steps."""

    method: str
    blocks: list[ExitBlock]
    theta_conf: list[float]
    class_names: list[str]
    image_shape: tuple[int, int, int]
    encoder: Encoder
    cost: NetworkCost
    compute: Compute
    timed: tuple[list[int], Policy] | None = None

    def predict(
        self, images: Any, rows: np.ndarray | None = None, resize: bool = False, theta_conf: float | list[float] | None = None
    ) -> Answer:
        """The answer on `images`: uint8 `[n, C, H, W]`, Pillow's images or paths (`as_pixels`).

        `rows` int64 `[n]` name the random noise of each image's spike train, 0 to n - 1 if left out: an image with the same
        row gets the same answer in any company. `theta_conf`, one number or one per block, replaces the run's own and its
        policy: images leave after all steps.

        Raises:
            UserError: an image that cannot be taken, or thresholds or rows that do not fit.
        """
        pixels = as_pixels(images, self.image_shape, resize)
        noise = np.arange(len(pixels)) if rows is None else np.asarray(rows)
        if noise.shape != (len(pixels),) or noise.dtype.kind not in "iu" or (noise < 0).any():
            raise UserError(f"rows: {rows!r} for {len(pixels)} images; give each image one whole number, 0 or above")
        noise = noise.astype(np.int64)
        feed, every = _PixelFeed(pixels, noise, self.encoder), np.arange(len(pixels))
        if theta_conf is None and self.timed is not None:
            steps, policy = self.timed
            left = TimeRunner(self.compute, self.blocks, steps, policy, len(self.class_names)).run(feed, every)
            path = np.array(policy.path)[left.place]
            return self._answer(path[:, 0], np.array(steps)[path[:, 1]], *left[1:])
        chosen = self.theta_conf if theta_conf is None else checked_thresholds(theta_conf, len(self.blocks), len(self.cost.plans))
        exits = ConditionalRunner(self.blocks, chosen, len(self.class_names), self.compute).run(feed, every)
        steps_run = np.full(len(pixels), self.encoder.time_steps)
        return self._answer(exits.exit_block - 1, steps_run, exits.prediction, exits.confidence, exits.hard_probability)

    def _answer(
        self, position: np.ndarray, steps: np.ndarray, prediction: np.ndarray, confidence: np.ndarray, hard: np.ndarray
    ) -> Answer:
        """Of images that left at the blocks at `position`, after so many `steps`."""
        costs = np.array([cost.macs for cost in self.cost.exit_costs(self.method)])
        macs = costs[position] * steps / self.encoder.time_steps
        blocks = np.array([int(one.block.trunk.plans[-1].key[1:]) for one in self.blocks])  # end to end has one exit, its last
        names = np.array(self.class_names, dtype=object)[prediction]
        share = macs / self.cost.end_to_end().macs
        return Answer(prediction, names, blocks[position], steps, confidence, hard, macs, share)


def checked_thresholds(theta_conf: float | list[float], exits: int, blocks: int) -> list[float]:
    """theta_conf of each of a network's `exits`; of a list that has one for each of the run's `blocks`, the first ones.

    Raises:
        UserError: a list of another length, or a value that is not from 0 to 1.
    """
    found = thresholds(theta_conf, exits)
    count = len(theta_conf) if isinstance(theta_conf, list) else exits
    if count not in (exits, blocks) or not all(0 <= value <= 1 for value in found):
        raise UserError(f"theta_conf: {theta_conf} where one number from 0 to 1, or {exits} of them, is needed; correct it")
    return found


class _PixelFeed:
    """Images in memory as spike trains, with the noise of the rows that were given."""

    def __init__(self, pixels: np.ndarray, noise: np.ndarray, encoder: Encoder):
        self.pixels, self.noise, self.encoder = pixels, noise, encoder

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`."""
        if self.encoder.direct:
            return {ENCODER: filled_up(self.pixels[rows], count)}
        spikes = self.encoder.encode(self.pixels[rows], self.noise[rows], SPLIT, FIXED)
        return {ENCODER: filled_up(np.moveaxis(spikes, 2, 4), count)}

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`."""
        if self.encoder.direct:
            return {ENCODER: normalised(host[ENCODER], self.encoder, device, dtype)}
        return {key: time_major(spikes, device, dtype) for key, spikes in host.items()}
