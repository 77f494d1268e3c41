"""Accuracy and exits against theta_conf, by replay: milliseconds per threshold, nothing is retrained."""

from collections.abc import Iterator

import numpy as np

from pipeline.partition.exit_rule import BlockVote, replay


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
