"""The policies that exits in depth, in time, and in both would take: chosen on validation images, replayed on test images.

Of a family of paths the cheapest policy is taken that loses at most so many points of validation accuracy against all blocks and
steps. The end-to-end network has learned from the validation images, so its choice is too bold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.accounting.network_cost import NetworkCost
from pipeline.anytime.names import BOTH, DEPTH, TIME
from pipeline.anytime.policies import Nodes, Outcome, all_paths, cheapest, depth_path, fit_temperatures, replay_path, run_nodes
from pipeline.anytime.runner import NEVER, Node, Policy
from pipeline.data.prepared import load_prepared
from pipeline.inference.networks import load_exit_blocks
from pipeline.training.context import Context

LOSSES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Points of validation accuracy that the policies of the table may lose."""
THRESHOLDS = [*np.linspace(0.3, 0.85, 12), *(1 - np.geomspace(0.1, 1e-6, 26)), 1.0]
"""Confidences that a policy may ask for: evenly, then ever closer to 1."""
COLUMNS = (
    "exits_in", "points_lost_at_most", "accuracy", "compute_efficiency", "threshold", "goes_deeper_after", "steps_on_average",
    "blocks_on_average",
)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """One network on the images of one split: what it says at every node, calibrated confidences and labels."""

    nodes: Nodes
    confidence: np.ndarray
    label: np.ndarray

    def replay(self, path: tuple[Node, ...], threshold: float, cost: np.ndarray) -> Outcome:
        """One policy."""
        return replay_path(self.nodes, self.confidence, self.label, path, threshold, cost)


@dataclass(frozen=True)
class Candidates:
    """One method's network after each of `steps` on validation and test images. `temperature` `[B, S]` was fitted to validation;
    `cost` `[B, S]` are the operations of an image that leaves at a node over those of the end-to-end network."""

    steps: Sequence[int]
    validation: Split
    test: Split
    temperature: np.ndarray
    cost: np.ndarray

    @classmethod
    def of_run(cls, context: Context, method: str, steps: Sequence[int]) -> "Candidates":
        """Run the network of `method` on all validation and test images; `steps` rise up to all."""
        levels, every = context.params.neuron.levels, context.encoder.time_steps
        cost = NetworkCost.of_run(context.folders, context.params, every * levels, context.manifest)
        share = np.array([one.macs for one in cost.exit_costs(method)]) / cost.end_to_end().macs
        blocks, found, temperature = load_exit_blocks(context, method), {}, None
        for split in ("validation", "test"):
            label = load_prepared(context.folders.prepared, split).label
            feed = context.evaluation_feed(next(iter(context.params.blocks)), split)
            nodes = run_nodes(context.compute, blocks, feed, np.arange(len(label)), steps, context.manifest.classes)
            temperature = fit_temperatures(nodes, label) if temperature is None else temperature
            found[split] = Split(nodes, nodes.confidence(temperature), label)
        assert temperature is not None
        return cls(steps, **found, temperature=temperature, cost=share[:, None] * np.array(steps) / steps[-1])

    def families(self, method: str) -> dict[str, list[tuple[Node, ...]]]:
        """The paths of each family. The end-to-end network has exits in time alone."""
        depth = depth_path(*self.cost.shape)
        every = list(all_paths(*self.cost.shape))
        return {TIME: every} if method == "end_to_end" else {DEPTH: [depth], BOTH: [depth, *every]}

    def choose(self, paths: Sequence[tuple[Node, ...]], losses: Sequence[float]) -> list[Outcome]:
        """For each of `losses` the cheapest policy, by validation images, that loses at most so many points of their accuracy."""
        of = self.validation
        whole = of.replay(depth_path(*self.cost.shape), NEVER, self.cost).accuracy
        least = [whole - points / 100 for points in losses]
        return cheapest(of.nodes, of.confidence, of.label, paths, THRESHOLDS, self.cost, least)

    def policy(self, chosen: Outcome) -> tuple[list[int], Policy]:
        """A policy to run, and the steps at which its slices end: those that its path stops at."""
        stops = sorted({s for _, s in chosen.path})
        path = tuple((b, stops.index(s)) for b, s in chosen.path)
        return [self.steps[s] for s in stops], Policy(path, chosen.threshold, self.temperature[:, stops])

    def row(self, family: str, points: float, chosen: Outcome) -> dict[str, Any]:
        """What a policy does on the test images, by COLUMNS."""
        found = self.test.replay(chosen.path, chosen.threshold, self.cost)
        left = np.array(chosen.path)[found.left]
        turns = [self.steps[max(s for b, s in chosen.path if b == block)] for block in range(len(self.cost) - 1)]
        cells = (
            family, points, found.accuracy, 1 / found.cost, chosen.threshold, " ".join(map(str, turns)) or "-",
            float(np.array(self.steps)[left[:, 1]].mean()), 1 + float(left[:, 0].mean()),
        )  # fmt: skip
        return dict(zip(COLUMNS, cells, strict=True))


def choices(
    context: Context, trained: Sequence[str], steps: Sequence[int], losses: Sequence[float]
) -> Iterator[tuple[str, Candidates, str, float, Outcome]]:
    """Method, its candidates, family, points and policy: of BlocTrain, and of end to end where that is one of `trained`."""
    for method in ("bloctrain", *(name for name in trained if name == "end_to_end")):
        candidates = Candidates.of_run(context, method, steps)
        for family, paths in candidates.families(method).items():
            for points, chosen in zip(losses, candidates.choose(paths, losses), strict=True):
                yield method, candidates, family, points, chosen
