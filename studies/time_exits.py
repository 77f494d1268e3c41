"""Exits in depth, in time, and in both, on the run in force: `python -m studies.time_exits --steps 2 4 8 12 20`.

Runs the networks once over validation and test images and looks at them after so many steps (default: `inference.steps`). Of
each family of policies (depth, depth and time, time in the end-to-end network) the cheapest is chosen that loses at most so many
points of validation accuracy; it is then replayed on the test images (`pipeline.anytime.choose`). Operations are counted as in
docs/assumptions.md, over those of end to end. Writes time_exits.csv, .md, .png and .svg into reports/published/<experiment>/.

Policies that may lose half a point are also run for real on a sample of test images, in turns with the end-to-end network on the
engine in force: how many times faster they are, with one image and with 64 at a time, and on how many images the runner leaves
where the replay says.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analysis import plot
from pipeline.anytime.choose import COLUMNS, LOSSES, Candidates, choices
from pipeline.anytime.policies import Outcome
from pipeline.anytime.runner import TimeRunner
from pipeline.base.errors import UserError
from pipeline.config import load_params
from pipeline.config.experiment import Params
from pipeline.encoding.poisson import FIXED
from pipeline.inference.infer_stage import sample_rows
from pipeline.inference.latency import measure_alternating, speedups
from pipeline.inference.networks import load_end_to_end, load_exit_blocks
from pipeline.network.block import Block
from pipeline.reporting.figures.anytime import drawn
from pipeline.training.context import Context
from pipeline.training.device import Compute
from pipeline.training.feed import Feed
from pipeline.training.forward import run_chunk
from studies.experiments import FOLDERS, in_one_line, write_table

TIMED = 0.5
"""The loss, in points, whose policies are run for real."""
BATCHES = (1, 64)
"""Images at a time."""
HEADINGS = dict(zip(COLUMNS, (
    "exits in", "points lost on validation, at most", "test accuracy", "less compute than end to end", "threshold",
    "goes deeper after", "steps on average", "blocks on average",
), strict=True))  # fmt: skip


def main() -> None:
    """Run the blocks, choose, replay, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", help="numbers of steps to look at (default: inference.steps, or ten)")
    arguments = parser.parse_args()
    params = load_params()
    every = params.encoding.time_steps
    tenths = sorted({round(every * part / 10) for part in range(1, 11)} - {0})
    steps = arguments.steps or [*sorted({*(params.inference.steps or tenths), every})]
    if steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] != every:
        raise UserError(f"--steps {' '.join(map(str, steps))}: they must rise, from 1 on, up to encoding.time_steps {every}")
    rows = study(params, steps)
    table = pd.DataFrame(rows).assign(accuracy=lambda found: 100 * found["accuracy"]).rename(columns=HEADINGS)
    made_by = f"Made by `python -m studies.time_exits --steps {' '.join(map(str, steps))}`."
    text = write_table(params.experiment, "time_exits", "exits in depth and time", made_by, table)
    with plot.style():
        plot.save(FOLDERS.published / params.experiment, "time_exits", drawn(rows))
    print(text)


def study(params: Params, steps: list[int]) -> list[dict[str, Any]]:
    """A row per family of policies and loss."""
    context = Context.open(FOLDERS, params)
    beside = "end_to_end" in params.baselines.trained
    rows: list[dict[str, Any]] = []
    for method, candidates, family, points, chosen in choices(context, params.baselines.trained, steps, LOSSES):
        extra = timed(context, params, method, candidates, chosen) if points == TIMED and beside else {}
        rows.append(candidates.row(family, points, chosen) | extra)
    return rows


def timed(context: Context, params: Params, method: str, candidates: Candidates, chosen: Outcome) -> dict[str, Any]:
    """Speed over end to end by images at a time, and the share of images that leave where the replay says."""
    steps, policy = candidates.policy(chosen)
    blocks, whole = load_exit_blocks(context, method), load_end_to_end(context, params.deepest)
    rows = sample_rows(len(candidates.test.label), params.inference.sample_images)
    feed = context.evaluation_feed(next(iter(params.blocks)), "test")
    found: dict[str, Any] = {}
    for batch in BATCHES:
        compute = replace(context.compute, micro_batch=batch)
        runner = TimeRunner(compute, blocks, steps, policy, context.manifest.classes)
        contenders: dict[str, Callable[[], object]] = {
            "own": partial(runner.run, feed, rows),
            "end_to_end": partial(run_whole, compute, whole, feed, rows),
        }
        seconds = measure_alternating(contenders, params.inference.latency_repeats)
        found[f"times faster than end to end, {batch} at a time"] = speedups(seconds, "end_to_end")["own"]
    left = candidates.test.replay(chosen.path, chosen.threshold, candidates.cost).left
    found["leave where the replay says (%)"] = 100 * float((runner.left.place == left[rows]).mean())
    return found


def run_whole(compute: Compute, network: Block, feed: Feed, rows: np.ndarray) -> None:
    """All blocks and steps on every row."""
    for start in range(0, len(rows), compute.micro_batch):
        part = rows[start : start + compute.micro_batch]
        bundle = feed.to_device(feed.read(part, FIXED), compute.device, compute.dtype)
        run_chunk(compute, network, bundle, len(part)).logits.cpu()


if __name__ == "__main__":
    in_one_line(main)
