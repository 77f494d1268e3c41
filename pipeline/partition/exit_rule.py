"""Algorithm 3 for one block: add up the logits, decide who leaves here and with which prediction."""

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class BlockVote:
    """What block i says of n images: its own logits float32 `[n, K]`, the dataset class of each column, and, from the
    second block on, HCD logits `[n]` with the thresholds and the easy and hard classes of block i-1. `earlier` is the weight of
    the logits before it."""

    logits: np.ndarray
    classes: np.ndarray
    hcd_logit: np.ndarray | None = None
    theta_low: float | None = None
    theta_high: float | None = None
    easy: tuple[int, ...] = ()
    hard: tuple[int, ...] = ()
    earlier: float = 1.0

    def on(self, logits: np.ndarray, hcd_logit: np.ndarray | None) -> "BlockVote":
        """The same block's vote on other images."""
        return replace(self, logits=logits, hcd_logit=hcd_logit)

    def of(self, rows: np.ndarray) -> "BlockVote":
        """The vote on some of the images."""
        hcd = None if self.hcd_logit is None else self.hcd_logit[rows]
        return self.on(self.logits[rows], hcd)


def softmax(sums: np.ndarray) -> np.ndarray:
    """Softmax over the classes, float32 `[n, K]`.

    Classes are added up one after the other: numpy's own order of sums depends on n, and an image's probability must not depend
    on how many others are decided with it.
    """
    shifted = np.exp(sums.astype(np.float32) - sums.max(axis=1, keepdims=True))
    return shifted / functools.reduce(np.add, shifted.T)[:, None]


class Decision(NamedTuple):
    """Of n images at one block: who leaves, bool `[n]`; the prediction int64 `[n]`, a dataset class; the confidence float32
    `[n]`, their largest class probability; and hard_probability float32 `[n]`, the HCD's, NaN where there is none."""

    leaves: np.ndarray
    prediction: np.ndarray
    confidence: np.ndarray
    hard_probability: np.ndarray


def exit_rule(running: np.ndarray, vote: BlockVote, theta_conf: float, last: bool) -> Decision:
    """Algorithm 3 from the softmax to `Break`, for images that reached this block.

    Args:
        running: logits summed over the earlier blocks, float32 `[n, all classes]`; weighted and joined by this block's in place.
        vote: this block's outputs.
        theta_conf: exit where the largest softmax probability (float32) is at least this; 1.0 means that it rounds to 1.
        last: whether every image leaves here.
    """
    running[:, vote.classes] = np.float32(vote.earlier) * running[:, vote.classes] + vote.logits
    probability = softmax(running[:, vote.classes])
    best = probability.argmax(axis=1)
    prediction = vote.classes[best]
    confidence = probability[np.arange(len(best)), best]
    leaves = confidence >= np.float32(theta_conf)
    hard_probability = np.full(len(best), np.nan, dtype=np.float32)
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
    return Decision(leaves, prediction.astype(np.int64), confidence, hard_probability)


@dataclass(frozen=True)
class Exits:
    """exit_block int64 `[n]` (1-based); prediction int64, confidence and hard_probability float32 `[n]` as in `Decision`, at the
    block where each image left."""

    exit_block: np.ndarray
    prediction: np.ndarray
    confidence: np.ndarray
    hard_probability: np.ndarray

    def record(self, images: np.ndarray, block: int, decision: Decision) -> None:
        """Write down those of `images` (positions int64) that leave at `block` (1-based)."""
        leaving = images[decision.leaves]
        self.exit_block[leaving] = block
        for name in ("prediction", "confidence", "hard_probability"):
            getattr(self, name)[leaving] = getattr(decision, name)[decision.leaves]


def nobody_left(images: int) -> Exits:
    """The exits of so many images before any has left."""
    unknown = np.full((2, images), np.nan, dtype=np.float32)
    return Exits(np.zeros(images, dtype=np.int64), np.full(images, -1, dtype=np.int64), *unknown)


def replay(votes: list[BlockVote], theta_conf: list[float], classes: int) -> Exits:
    """Algorithm 3 over stored outputs of all images at all blocks; the last block lets everyone out."""
    count = len(votes[0].logits)
    running = np.zeros((count, classes), dtype=np.float32)
    exits = nobody_left(count)
    inside = np.arange(count)
    for position, vote in enumerate(votes, start=1):
        sums = running[inside]
        decision = exit_rule(sums, vote.of(inside), theta_conf[position - 1], position == len(votes))
        running[inside] = sums
        exits.record(inside, position, decision)
        inside = inside[~decision.leaves]
    return exits
