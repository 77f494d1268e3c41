"""Exits in depth, in time, and in both, on the run in force: `python -m studies.time_exits --steps 2 4 8 12 20`.

Runs the networks once over validation and test images and looks at them after so many steps. Every policy is then a replay. Of
each family (depth, depth and time, time in the end-to-end network) the cheapest policy is chosen that loses at most so many
points of validation accuracy against all blocks and steps; it is then replayed on the test images. The end-to-end network has
learned from the validation images, so its choice is too bold. Writes time_exits.csv, .md, .png and .svg into
reports/published/<experiment>/. Operations are counted as in docs/assumptions.md, over those of end to end.

Policies that may lose half a point are also run for real on a sample of test images, in turns with the end-to-end network on the
engine in force: how many times faster they are, with one image and with 64 at a time, and on how many images the runner leaves
where the replay says.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline.accounting.network_cost import NetworkCost
from pipeline.analysis import plot
from pipeline.base.errors import UserError
from pipeline.config import load_params
from pipeline.config.experiment import Params
from pipeline.data.prepared import load_prepared
from pipeline.encoding.poisson import FIXED
from pipeline.inference.infer_stage import sample_rows
from pipeline.inference.latency import measure_alternating, speedups
from pipeline.inference.networks import load_end_to_end, load_exit_blocks
from pipeline.inference.over_time import (
    Nodes,
    Outcome,
    all_paths,
    cheapest,
    depth_path,
    fit_temperatures,
    replay_path,
    run_nodes,
)
from pipeline.inference.time_runner import NEVER, Node, Policy, TimeRunner
from pipeline.network.block import Block
from pipeline.training.context import Context
from pipeline.training.device import Compute
from pipeline.training.feed import Feed
from pipeline.training.forward import run_chunk
from studies.experiments import FOLDERS, in_one_line, write_table

LOSSES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Points of validation accuracy that a policy may lose."""
TIMED = 0.5
"""The loss whose policies are run for real."""
BATCHES = (1, 64)
"""Images at a time."""
THRESHOLDS = [*np.linspace(0.3, 0.85, 12), *(1 - np.geomspace(0.1, 1e-6, 26)), 1.0]


def main() -> None:
    """Run the blocks, choose, replay, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", help="numbers of steps to look at; by default up to ten, evenly")
    arguments = parser.parse_args()
    params = load_params()
    every = params.encoding.time_steps
    steps = arguments.steps or sorted({round(every * part / 10) for part in range(1, 11)} - {0})
    if steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] != every:
        raise UserError(f"--steps {' '.join(map(str, steps))}: they must rise, from 1 on, up to encoding.time_steps {every}")
    table = study(params, steps)
    made_by = f"Made by `python -m studies.time_exits --steps {' '.join(map(str, steps))}`."
    text = write_table(params.experiment, "time_exits", "exits in depth and time", made_by, table)
    with plot.style():
        plot.save(FOLDERS.published / params.experiment, "time_exits", figure(table))
    print(text)


@dataclass(frozen=True)
class Split:
    """One network on one split: its nodes, calibrated confidences and labels."""

    nodes: Nodes
    temperature: np.ndarray
    confidence: np.ndarray
    label: np.ndarray

    def replay(self, path: tuple[Node, ...], threshold: float, costs: np.ndarray) -> Outcome:
        """One policy."""
        return replay_path(self.nodes, self.confidence, self.label, path, threshold, costs)


def study(params: Params, steps: list[int]) -> pd.DataFrame:
    """A row per family of policies and loss."""
    context = Context.open(FOLDERS, params)
    cost = NetworkCost.of_run(FOLDERS, params, params.encoding.time_steps * params.neuron.levels, context.manifest)
    beside = "end_to_end" in params.baselines.trained
    rows: list[dict[str, Any]] = []
    for method in ("bloctrain", "end_to_end"):
        if method not in ("bloctrain", *params.baselines.trained):
            continue
        validation, test = _splits(context, method, steps)
        share = np.array([one.macs for one in cost.exit_costs(method)]) / cost.end_to_end().macs
        costs = share[:, None] * np.array(steps) / steps[-1]
        whole = validation.replay(depth_path(*costs.shape), NEVER, costs)
        for family, paths in _families(method, *costs.shape).items():
            for loss in LOSSES:
                chosen = cheapest(validation.nodes, validation.confidence, validation.label, paths, THRESHOLDS, costs,
                                  whole.accuracy - loss / 100)  # fmt: skip
                found = test.replay(chosen.path, chosen.threshold, costs)
                left = np.array(chosen.path)[found.left]
                turns = [steps[max(s for b, s in chosen.path if b == block)] for block in range(len(costs) - 1)]
                rows.append({
                    "exits in": family, "points lost on validation, at most": loss, "test accuracy": 100 * found.accuracy,
                    "less compute than end to end": 1 / found.cost, "threshold": chosen.threshold,
                    "goes deeper after": " ".join(map(str, turns)) or "-",
                    "steps on average": float(np.array(steps)[left[:, 1]].mean()),
                    "blocks on average": 1 + float(left[:, 0].mean()),
                    **(timed(context, params, method, steps, chosen, test) if loss == TIMED and beside else {}),
                })  # fmt: skip
    return pd.DataFrame(rows)


def timed(context: Context, params: Params, method: str, steps: list[int], chosen: Outcome, test: Split) -> dict[str, Any]:
    """Speed over end to end by images at a time, and the share of images that leave where the replay says. Slices end at the
    steps that the path stops at."""
    classes = context.manifest.classes
    blocks, whole = load_exit_blocks(context, method), load_end_to_end(context, params.deepest)
    stops = sorted({s for _, s in chosen.path})
    path = tuple((b, stops.index(s)) for b, s in chosen.path)
    policy = Policy(path, chosen.threshold, test.temperature[:, stops])
    rows = sample_rows(len(test.label), params.inference.sample_images)
    feed = context.evaluation_feed(next(iter(params.blocks)), "test")
    found: dict[str, Any] = {}
    for batch in BATCHES:
        compute = replace(context.compute, micro_batch=batch)
        runner = TimeRunner(compute, blocks, [steps[s] for s in stops], policy, classes)
        contenders: dict[str, Callable[[], object]] = {
            "own": partial(runner.run, feed, rows),
            "end_to_end": partial(run_whole, compute, whole, feed, rows),
        }
        seconds = measure_alternating(contenders, params.inference.latency_repeats)
        found[f"times faster than end to end, {batch} at a time"] = speedups(seconds, "end_to_end")["own"]
    left = test.replay(chosen.path, chosen.threshold, np.ones(test.temperature.shape)).left
    found["leave where the replay says (%)"] = 100 * float((runner.left == left[rows]).mean())
    return found


def run_whole(compute: Compute, network: Block, feed: Feed, rows: np.ndarray) -> None:
    """All blocks and steps on every row."""
    for start in range(0, len(rows), compute.micro_batch):
        part = rows[start : start + compute.micro_batch]
        bundle = feed.to_device(feed.read(part, FIXED), compute.device, compute.dtype)
        run_chunk(compute, network, bundle, len(part)).logits.cpu()


def _families(method: str, blocks: int, steps: int) -> dict[str, list[tuple[Node, ...]]]:
    if method == "end_to_end":
        return {"time, end to end": list(all_paths(blocks, steps))}
    depth = depth_path(blocks, steps)
    return {"depth": [depth], "depth and time": [depth, *all_paths(blocks, steps)]}


def _splits(context: Context, method: str, steps: list[int]) -> list[Split]:
    """Validation and test, with confidences calibrated on validation."""
    blocks, found, temperature = load_exit_blocks(context, method), [], None
    for split in ("validation", "test"):
        label = load_prepared(FOLDERS.prepared, split).label
        feed = context.evaluation_feed(next(iter(context.params.blocks)), split)
        nodes = run_nodes(context.compute, blocks, feed, np.arange(len(label)), steps, context.manifest.classes)
        temperature = fit_temperatures(nodes, label) if temperature is None else temperature
        found.append(Split(nodes, temperature, nodes.confidence(temperature), label))
    return found


def figure(table: pd.DataFrame) -> plot.Drawn:
    """Test accuracy against how much less compute an image takes than end to end."""
    _, (axis,) = plot.new_figure()
    colours = (plot.OKABE_ITO[name] for name in ("blue", "orange", "green"))
    for (family, rows), colour, marker in zip(table.groupby("exits in", sort=False), colours, "os^", strict=True):
        axis.plot(
            rows["less compute than end to end"], rows["test accuracy"], marker=marker, color=colour, label=f"exits in {family}"
        )
    axis.set(xlabel="compute efficiency (end-to-end operations / own)", ylabel="test accuracy (%)")
    axis.margins(0.08)
    return plot.finish([axis], "Test accuracy against compute efficiency of three families of exits.")


if __name__ == "__main__":
    in_one_line(main)
