"""Algorithm 3 for one block: add up the logits, decide who leaves here and with which prediction."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax


@dataclass(frozen=True)
class BlockVote:
    """What block i says of n images: its own logits float32 `[n, K]`, the dataset class of each column, and, from the
    second block on, HCD logits `[n]` with the thresholds and the easy and hard classes of block i-1."""

    logits: np.ndarray
    classes: np.ndarray
    hcd_logit: np.ndarray | None = None
    theta_low: float | None = None
    theta_high: float | None = None
    easy: tuple[int, ...] = ()
    hard: tuple[int, ...] = ()

    def of(self, rows: np.ndarray) -> "BlockVote":
        """The vote on some of the images."""
        hcd = None if self.hcd_logit is None else self.hcd_logit[rows]
        return BlockVote(self.logits[rows], self.classes, hcd, self.theta_low, self.theta_high, self.easy, self.hard)


def exit_rule(running: np.ndarray, vote: BlockVote, theta_conf: float, last: bool) -> tuple[np.ndarray, np.ndarray]:
    """Algorithm 3 from the softmax to `Break`, for images that reached this block.

    Args:
        running: logits summed over the earlier blocks, float32 `[n, all classes]`; this block's are added in place.
        vote: this block's outputs.
        theta_conf: exit where the largest softmax probability (float32) is at least this; 1.0 means that it rounds to 1.
        last: whether every image leaves here.

    Returns:
        (leaves bool `[n]`, prediction int64 `[n]`, a dataset class).
    """
    running[:, vote.classes] += vote.logits
    probability = softmax(running[:, vote.classes].astype(np.float32), axis=1)
    best = probability.argmax(axis=1)
    prediction = vote.classes[best]
    leaves = probability[np.arange(len(best)), best] >= np.float32(theta_conf)
    if vote.hcd_logit is not None:
        hard_probability = expit(vote.hcd_logit.astype(np.float32))
        leaves |= hard_probability < vote.theta_high
        if vote.easy:
            false_hard = np.isin(prediction, vote.hard) & (hard_probability < vote.theta_low)
            columns = np.flatnonzero(np.isin(vote.classes, vote.easy))
            easiest = vote.classes[columns[probability[:, columns].argmax(axis=1)]]
            prediction = np.where(false_hard, easiest, prediction)
    if last:
        leaves = np.ones(len(best), dtype=bool)
    return leaves, prediction.astype(np.int64)


@dataclass(frozen=True)
class Exits:
    """exit_block int64 `[n]` (1-based) and prediction int64 `[n]`."""

    exit_block: np.ndarray
    prediction: np.ndarray


def replay(votes: list[BlockVote], theta_conf: list[float], classes: int) -> Exits:
    """Algorithm 3 over stored outputs of all images at all blocks; the last block lets everyone out."""
    count = len(votes[0].logits)
    running = np.zeros((count, classes), dtype=np.float32)
    exit_block, prediction = np.zeros(count, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    inside = np.arange(count)
    for position, vote in enumerate(votes, start=1):
        sums = running[inside]
        leaves, guess = exit_rule(sums, vote.of(inside), theta_conf[position - 1], position == len(votes))
        running[inside] = sums
        exit_block[inside[leaves]], prediction[inside[leaves]] = position, guess[leaves]
        inside = inside[~leaves]
    return Exits(exit_block, prediction)
