"""Exits in depth and time for real: an image runs the blocks and steps of its path up to where it leaves, and no more.

Images that go on wait, with their potentials and the spikes that later nodes read, until they fill a whole chunk for the next
node of the path. Every call of a network has one shape per slice, so an image gets the numbers that `run_nodes` found for it;
up to rounding, where slices end at other steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline.anytime.slices import READOUT, Carry, run_slice, run_whole, summarised
from pipeline.encoding.poisson import FIXED
from pipeline.inference.networks import ExitBlock
from pipeline.network.walk import Bundle
from pipeline.partition.exit_rule import exit_rule, softmax
from pipeline.training.device import Compute
from pipeline.training.feed import Feed

NEVER = 1.0
"""A confidence threshold at which an image leaves only where its probability rounds to 1."""

Node = tuple[int, int]
"""Position of a block, and of one of the chosen numbers of steps."""


@dataclass
class Images:
    """Some images on their way: of each block the slices done and its potentials, and spikes `[t, n, C, H, W]` by slice and the
    key of the block that emitted them."""

    done: list[int]
    carry: list[Carry]
    spikes: list[Bundle]

    @classmethod
    def start(cls, bundle: Bundle, steps: Sequence[int], blocks: int) -> "Images":
        """Images that no block has seen, by the encoder's spikes `[T, n, C, H, W]`; `steps` are where slices end."""
        ends = list(zip((0, *steps), steps, strict=False))
        cut = [{key: spikes[start:stop] for key, spikes in bundle.items()} for start, stop in ends]
        return cls([0] * blocks, [{} for _ in range(blocks)], cut)

    def of(self, rows: Tensor) -> "Images":
        """Some of them, by place."""
        carry = [{name: potential[rows] for name, potential in one.items()} for one in self.carry]
        spikes = [{key: _laid_out(train[:, rows]) for key, train in one.items()} for one in self.spikes]
        return Images(list(self.done), carry, spikes)

    @classmethod
    def joined(cls, parts: Sequence["Images"]) -> "Images":
        """Images at the same node, one after the other."""
        first = parts[0]
        if len(parts) == 1:
            return first
        carry = [{name: torch.cat([p.carry[b][name] for p in parts]) for name in one} for b, one in enumerate(first.carry)]
        spikes = [{key: torch.cat([p.spikes[s][key] for p in parts], dim=1) for key in one} for s, one in enumerate(first.spikes)]
        return cls(list(first.done), carry, spikes)

    def advance(self, blocks: Sequence[ExitBlock], node: Node) -> None:
        """Run what lies between here and `node`, a slice at a time."""
        run = run_whole if len(self.spikes) == 1 else run_slice
        for number in range(node[1] + 1):
            for b, here in enumerate(blocks[: node[0] + 1]):
                if self.done[b] == number:
                    key = here.block.trunk.plans[-1].key
                    self.spikes[number][key] = run(here.block, self.spikes[number], self.carry[b])
                    self.done[b] += 1

    def forget(self, blocks: Sequence[ExitBlock]) -> None:
        """Drop the spikes that no block will read, and the potentials of blocks that are done with all steps."""
        for b, done in enumerate(self.done):
            if done == len(self.spikes):
                self.carry[b] = {READOUT: self.carry[b][READOUT]}
        for number, bundle in enumerate(self.spikes):
            coming = [here.block.trunk.sources for b, here in enumerate(blocks) if self.done[b] <= number]
            wanted = {key for keys in coming for key in keys}
            self.spikes[number] = {key: train for key, train in bundle.items() if key in wanted}

    def look(self, blocks: Sequence[ExitBlock], node: Node, last: bool, classes: int) -> "Looked":
        """What the blocks up to the node's say together; `last` for the last step, which the detector was calibrated for."""
        count = len(next(iter(self.carry[0].values())))
        running = np.zeros((count, classes), np.float32)
        for here, carry in zip(blocks[: node[0] + 1], self.carry, strict=False):
            logits, hcd = summarised(here.block, carry)
            hard = None if hcd is None or not last else hcd.cpu().numpy()
            decision = exit_rule(running, here.vote.on(logits.cpu().numpy(), hard), np.inf, last=False)  # the detector alone
        sums = np.full_like(running, -np.inf)
        sums[:, here.vote.classes] = running[:, here.vote.classes]
        ends = decision.leaves if hard is not None else np.zeros(count, bool)
        return Looked(sums, decision.prediction, ends, decision.hard_probability)


class Looked(NamedTuple):
    """Of n images at a node: running logits float32 `[n, K]` (minus infinity for unknown classes), predictions int64 `[n]`,
    whether the hard class detector ends them there, bool `[n]`, and its probability float32 `[n]`, NaN where it says nothing."""

    sums: np.ndarray
    prediction: np.ndarray
    ends: np.ndarray
    hard_probability: np.ndarray


@dataclass(frozen=True)
class Policy:
    """The nodes that an image passes, in order, the confidence at which it leaves, and a temperature per block and chosen number
    of steps, `[B, S]`."""

    path: tuple[Node, ...]
    threshold: float
    temperature: np.ndarray


class Left(NamedTuple):
    """Of n images: the place in the path at which each left, and its prediction there, int64 `[n]`; its confidence at the node's
    temperature, and the hard class detector's probability as in `Looked`, float32 `[n]`."""

    place: np.ndarray
    prediction: np.ndarray
    confidence: np.ndarray
    hard_probability: np.ndarray


class TimeRunner:
    """Inference of one network by a policy; slices end after each of `steps`, rising up to all. The path must end at the last
    block and the last step, so that every image leaves."""

    def __init__(self, compute: Compute, blocks: list[ExitBlock], steps: Sequence[int], policy: Policy, classes: int):
        self.compute, self.blocks, self.steps, self.policy, self.classes = compute, blocks, steps, policy, classes

    def run(self, feed: Feed, rows: np.ndarray) -> Left:
        """Where and how every row leaves, in the order of `rows`."""
        nowhere, unknown = np.full((2, len(rows)), -1, np.int64), np.full((2, len(rows)), np.nan, np.float32)
        self.left = Left(*nowhere, *unknown)
        self.waiting: list[list[tuple[np.ndarray, Images]]] = [[] for _ in self.policy.path]
        chunk = self.compute.micro_batch
        with torch.no_grad(), self.compute.autocast():
            for start in range(0, len(rows), chunk):
                positions = np.arange(start, min(start + chunk, len(rows)))
                bundle = feed.to_device(feed.read(rows[positions], FIXED), self.compute.device, self.compute.dtype)
                self._node(0, positions, Images.start(bundle, self.steps, len(self.blocks)))
                self._drain(chunk)
            self._drain(1)
        return self.left

    def _drain(self, least: int) -> None:
        """Run later nodes while at least so many images wait for them."""
        chunk = self.compute.micro_batch
        for place in range(1, len(self.policy.path)):
            while sum(len(positions) for positions, _ in self.waiting[place]) >= least:
                positions = np.concatenate([some for some, _ in self.waiting[place]])
                images = Images.joined([some for _, some in self.waiting[place]])
                self.waiting[place] = []
                if len(positions) > chunk:
                    rest = torch.arange(chunk, len(positions), device=self.compute.device)
                    self.waiting[place] = [(positions[chunk:], images.of(rest))]
                self._node(place, positions[:chunk], images)

    def _node(self, place: int, positions: np.ndarray, images: Images) -> None:
        b, s = node = self.policy.path[place]
        images = filled_up(images, len(positions), self.compute)
        images.advance(self.blocks, node)
        looked = images.look(self.blocks, node, s == len(self.steps) - 1, self.classes)
        sure = softmax(looked.sums / np.float32(self.policy.temperature[b, s])).max(axis=1)
        leaves = ((sure >= np.float32(self.policy.threshold)) | looked.ends)[: len(positions)]
        if place == len(self.policy.path) - 1:
            leaves[:] = True
        leaving = positions[leaves]
        self.left.place[leaving] = place
        for kept, found in zip(self.left[1:], (looked.prediction, sure, looked.hard_probability), strict=True):
            kept[leaving] = found[: len(positions)][leaves]
        if not leaves.all():
            images.forget(self.blocks)
            staying = np.flatnonzero(~leaves)
            if len(staying) == self.compute.micro_batch:
                self.waiting[place + 1].append((positions, images))
                return
            self.waiting[place + 1].append((positions[staying], images.of(torch.from_numpy(staying).to(self.compute.device))))


def filled_up(images: Images, count: int, compute: Compute) -> Images:
    """The first `count` images and copies of the last, a chunk of exactly `compute.micro_batch`."""
    present = next(train for one in images.spikes for train in one.values()).shape[1]
    if present == count == compute.micro_batch:
        return images
    return images.of(torch.arange(compute.micro_batch, device=compute.device).clamp(max=count - 1))


def _laid_out(spikes: Tensor) -> Tensor:
    """The same spikes, channels last in memory: a copy only where they are not."""
    return spikes.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
