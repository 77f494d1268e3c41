"""reports/summary.json: every number of a run; and reports/metrics.json: the few that `dvc exp show` lists."""

from typing import Any

import numpy as np

from pipeline.anytime.names import BOTH
from pipeline.base.folders import BLOCK_WISE, METHODS
from pipeline.reporting.results import Results, by_block, seconds_per_epoch


def build_summary(results: Results) -> dict[str, Any]:
    """Accuracies and shares 0..1, ratios, counts, seconds. A value of a block that was not built is left out, one of a baseline
    that was not trained is None.

    `training_time_ratio` is BlocTrain's seconds per epoch, summed over its blocks, over those of the deepest end-to-end network
    (section 5.2 compares per epoch). Each block's forward pass, which makes the features of the next one, is shared out over
    its epochs. `base_extra_compute` is BlocTrain-base's synaptic operations over BlocTrain's, minus 1. `accuracy.in_time` and
    `efficiency.compute_in_time` are those of the policy by which images leave in depth and time, where `inference.steps` is set.
    """
    exit_block = results.exits["exit_block"]
    times = {method: by_block(results.times, method) for method in METHODS}
    whole, trained = times["end_to_end"][results.params.deepest], results.methods
    operations = {method: results.inference[method]["synaptic_operations"] for method in BLOCK_WISE if method in trained}
    base, end_to_end = (method in trained for method in METHODS[1:])
    memory = by_block(results.memory, "bloctrain")
    lost = results.params.inference.points_lost
    policies = {(row["exits_in"], row["points_lost_at_most"]): row for row in results.policies}
    in_time = policies.get((BOTH, lost))
    return {
        "accuracy": {
            "bloctrain": float(np.mean(results.exits["prediction"] == results.exits["label"])),
            "bloctrain_base": float(np.mean(results.base_exits["prediction"] == results.base_exits["label"])) if base else None,
            "end_to_end": float(results.depths[-1]["end_to_end"]) if end_to_end else None,
            "by_depth": {m: {row["block"]: row[m] for row in results.depths if row[m] is not None} for m in METHODS},
            **({"in_time": in_time["accuracy"]} if in_time else {}),
        },
        "efficiency": {
            "compute": results.inference["bloctrain"]["compute_efficiency"],
            "memory_overhead": results.inference["bloctrain"]["memory_overhead"],
            "training_memory_reduction": {k: row["reduction"] for k, row in memory.items() if row["reduction"] is not None},
            "measured_speedup": results.latency["speedup"].get("bloctrain"),
            "base_extra_compute": operations["bloctrain_base"] / operations["bloctrain"] - 1.0 if base else None,
            **({"compute_in_time": in_time["compute_efficiency"]} if in_time else {}),
        },
        "partition": {block.key: {"easy": len(block.easy), "hard": len(block.hard)} for block in results.built},
        "exits": {block.key: float(np.mean(exit_block == position)) for position, block in enumerate(results.built, start=1)},
        "depth": len(results.built),
        "training_seconds": {
            "bloctrain": sum(row["seconds"] or 0.0 for row in times["bloctrain"].values()),
            "bloctrain_base": sum(row["seconds"] or 0.0 for row in times["bloctrain_base"].values()) if base else None,
            "end_to_end": whole["seconds"] if end_to_end else None,
        },
        "training_time_ratio": (
            sum(map(seconds_per_epoch, times["bloctrain"].values())) / seconds_per_epoch(whole) if end_to_end else None
        ),
    }


METRICS = {
    "accuracy": "accuracy.bloctrain",
    "base": "accuracy.bloctrain_base",
    "end_to_end": "accuracy.end_to_end",
    "compute": "efficiency.compute",
    "memory": "efficiency.memory_overhead",
    "speedup": "efficiency.measured_speedup",
    "train_time": "training_time_ratio",
    "hard_b1": "partition.b1.hard",
    "depth": "depth",
    "in_time": "accuracy.in_time",
    "compute_in_time": "efficiency.compute_in_time",
}
"""Short names, for narrow tables, of numbers in a summary."""


def build_metrics(summary: dict[str, Any]) -> dict[str, Any]:
    """Those of METRICS that the run has, to four digits behind the point."""
    found = {name: look_up(summary, path) for name, path in METRICS.items()}
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def look_up(content: Any, path: str) -> Any:
    """What stands at a dotted path of nested mappings, or None."""
    for part in path.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content
