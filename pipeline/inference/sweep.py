"""Accuracy and exits against theta_conf, by replay: milliseconds per threshold, nothing is retrained."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.partition.exit_rule import BlockVote, replay

FALL = 0.02
"""Of accuracy from one depth to another: more than chance makes of some thousand images."""


def sweep(votes: list[BlockVote], label: np.ndarray, classes: int, thresholds: list[float], blocks: int) -> Iterator[list[float]]:
    """Rows (theta_conf, accuracy, share of images that leave at block 1, 2, ..., `blocks`)."""
    for theta_conf in thresholds:
        exits = replay(votes, [theta_conf] * len(votes), classes)
        shares = np.bincount(exits.exit_block - 1, minlength=blocks) / len(label)
        yield [theta_conf, float((exits.prediction == label).mean()), *shares.tolist()]


def accuracy_by_depth(votes: list[BlockVote], label: np.ndarray, classes: int, theta_conf: list[float]) -> list[float]:
    """Accuracy of the first 1, 2, ... blocks, the last of them letting everyone out."""
    depths = range(1, len(votes) + 1)
    return [float((replay(votes[:d], theta_conf, classes).prediction == label).mean()) for d in depths]


def falls_with_depth(accuracy: Sequence[float], keys: Sequence[str]) -> str:
    """What is to be said where a network up to its last block is worse than a shorter one by more than FALL; else nothing."""
    best = int(np.argmax(accuracy))
    if accuracy[best] - accuracy[-1] <= FALL:
        return ""
    top, end = f"{100 * accuracy[best]:.1f} % up to {keys[best]}", f"{100 * accuracy[-1]:.1f} % up to {keys[len(accuracy) - 1]}"
    advice = "train longer, raise hcd.keep_hard so that more hard images go on, or leave the last blocks out"
    return f"falls with depth, {top} and {end}; {advice}"
