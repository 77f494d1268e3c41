"""Exits in time as well as in depth.

After t steps of its first b blocks an image stands at the node (b, t): the logits of these blocks are added up as in Algorithm
3, but as they are after t steps. A path is a row of nodes that never goes back in depth or time. An image leaves at the first
node of its path whose confidence reaches a threshold, or where the hard class detector ends it (after all steps alone, for which
it was calibrated). Confidences are softmax probabilities at a temperature per node (Guo et al. 2017, arXiv:1706.04599), fitted to
validation images. Algorithm 3 itself is the path through every block after all steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from pipeline.anytime.runner import Images, Node, filled_up
from pipeline.encoding.poisson import FIXED
from pipeline.inference.networks import ExitBlock
from pipeline.partition.exit_rule import softmax
from pipeline.training.device import Compute
from pipeline.training.feed import Feed

TEMPERATURES = (-2.0, 3.0)
"""Bounds of the logarithm of a temperature."""


@dataclass(frozen=True)
class Nodes:
    """Of n images at every node: running logits float32 `[B, S, n, K]` (minus infinity for classes that the block does not know),
    predictions int64 `[B, S, n]`, and whether the hard class detector ends them there, bool `[B, S, n]`."""

    sums: np.ndarray
    prediction: np.ndarray
    ends: np.ndarray

    def confidence(self, temperature: np.ndarray) -> np.ndarray:
        """float32 `[B, S, n]`: the largest probability at temperatures `[B, S]`."""
        blocks, steps, images, _ = self.sums.shape
        found = np.empty((blocks, steps, images), np.float32)
        for b in range(blocks):
            for s in range(steps):
                found[b, s] = softmax(self.sums[b, s] / np.float32(temperature[b, s])).max(axis=1)
        return found


def run_nodes(
    compute: Compute, blocks: list[ExitBlock], feed: Feed, rows: np.ndarray, steps: Sequence[int], classes: int
) -> Nodes:
    """Run all blocks on `rows`, slice by slice, and look at them after each of `steps` (rising, up to all)."""
    shape = (len(blocks), len(steps), len(rows))
    found = Nodes(np.full((*shape, classes), -np.inf, np.float32), np.zeros(shape, np.int64), np.zeros(shape, bool))
    for start in range(0, len(rows), compute.micro_batch):
        part = slice(start, min(start + compute.micro_batch, len(rows)))
        count = part.stop - start
        with torch.no_grad(), compute.autocast():
            bundle = feed.to_device(feed.read(rows[part], FIXED), compute.device, compute.dtype)
            images = filled_up(Images.start(bundle, steps, len(blocks)), count, compute)
            for s in range(len(steps)):
                for b in range(len(blocks)):
                    images.advance(blocks, (b, s))
                    looked = images.look(blocks, (b, s), s == len(steps) - 1, classes)
                    for kept, new in zip((found.sums, found.prediction, found.ends), looked, strict=False):
                        kept[b, s, part] = new[:count]
                images.forget(blocks)
    return found


def fit_temperatures(nodes: Nodes, label: np.ndarray) -> np.ndarray:
    """float64 `[B, S]`: where the labels are likeliest, of the images whose class the block knows."""
    blocks, steps = nodes.sums.shape[:2]
    found = np.ones((blocks, steps))
    for b in range(blocks):
        known = np.isfinite(nodes.sums[b, 0, 0])
        rows = np.flatnonzero(known[label])
        columns = np.searchsorted(np.flatnonzero(known), label[rows])
        for s in range(steps):
            sums = nodes.sums[b, s][rows][:, known].astype(np.float64)

            def loss(log: float, sums: np.ndarray = sums, columns: np.ndarray = columns) -> float:
                return float(-log_softmax(sums / np.exp(log), axis=1)[np.arange(len(columns)), columns].mean())

            found[b, s] = np.exp(minimize_scalar(loss, bounds=TEMPERATURES, method="bounded").x)
    return found


def depth_path(blocks: int, steps: int) -> tuple[Node, ...]:
    """Through every block, after all steps."""
    return tuple((b, steps - 1) for b in range(blocks))


def all_paths(blocks: int, steps: int) -> Iterator[tuple[Node, ...]]:
    """Every way to go deeper at some step: nodes of one block up to a step, then of the next from that step on."""
    for turns in combinations_with_replacement(range(steps), blocks - 1):
        first = (0, *turns)
        last = (*turns, steps - 1)
        yield tuple((b, s) for b in range(blocks) for s in range(first[b], last[b] + 1))


@dataclass(frozen=True)
class Outcome:
    """A policy (path and threshold) on some images: their accuracy, mean cost, and the node at which each left, int64 `[n]`."""

    path: tuple[Node, ...]
    threshold: float
    accuracy: float
    cost: float
    left: np.ndarray


def replay_path(
    nodes: Nodes, confidence: np.ndarray, label: np.ndarray, path: tuple[Node, ...], threshold: float, cost: np.ndarray
) -> Outcome:
    """Send every image along `path`; `cost[b, s]` is that of leaving at a node."""
    b, s = np.array(path).T
    leaves = (confidence[b, s] >= np.float32(threshold)) | nodes.ends[b, s]
    leaves[-1] = True
    left = leaves.argmax(axis=0)
    images = np.arange(len(label))
    right = nodes.prediction[b[left], s[left], images] == label
    return Outcome(path, threshold, float(right.mean()), float(cost[b[left], s[left]].mean()), left)


def cheapest(
    nodes: Nodes, confidence: np.ndarray, label: np.ndarray, paths: Sequence[tuple[Node, ...]], thresholds: Sequence[float],
    cost: np.ndarray, accuracies: Sequence[float],
) -> list[Outcome]:  # fmt: skip
    """For each of `accuracies` the policy of least cost that is right at least as often; the most accurate where none is."""
    found: list[Outcome | None] = [None] * len(accuracies)
    most: Outcome | None = None
    for path in paths:
        for threshold in thresholds:
            tried = replay_path(nodes, confidence, label, path, threshold, cost)
            most = tried if most is None or tried.accuracy > most.accuracy else most
            for number, (least, best) in enumerate(zip(accuracies, found, strict=True)):
                if tried.accuracy >= least and (best is None or tried.cost < best.cost):
                    found[number] = tried
    assert most is not None
    return [best or most for best in found]
