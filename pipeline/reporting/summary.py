"""reports/summary.json: the one metrics file."""

from typing import Any

import numpy as np

from pipeline.reporting.results import METHODS, Results


def build_summary(results: Results) -> dict[str, Any]:
    """Accuracies and shares 0..1, ratios, counts, seconds. A value that a run does not have (a block not built) is left out.

    `training_time_ratio` is BlocTrain's seconds per epoch, summed over its blocks, over those of the deepest end-to-end network
    (section 5.2 compares per epoch). `base_extra_compute` is BlocTrain-base's synaptic operations over BlocTrain's, minus 1.
    """
    exit_block = results.exits["exit_block"]
    times = {method: results.by_block(results.times, method) for method in METHODS}
    deepest = results.params.deepest
    per_epoch = sum(row["median_seconds_per_epoch"] or 0.0 for row in times["bloctrain"].values())
    operations = {method: results.inference[method]["synaptic_operations"] for method in METHODS}
    memory = results.by_block(results.memory, "bloctrain")
    reduction = {key: row["reduction"] for key, row in memory.items() if row["reduction"] is not None}
    return {
        "accuracy": {
            "bloctrain": accuracy(results.exits),
            "bloctrain_base": accuracy(results.base_exits),
            "end_to_end": float(results.depths[-1]["end_to_end"]),
            "by_depth": {
                method: {row["block"]: row[method] for row in results.depths if row[method] is not None} for method in METHODS
            },
        },
        "efficiency": {
            "compute": results.inference["bloctrain"]["compute_efficiency"],
            "memory_overhead": results.inference["bloctrain"]["memory_overhead"],
            "training_memory_reduction": reduction,
            "measured_speedup": results.latency["speedup"]["bloctrain"],
            "base_extra_compute": operations["bloctrain_base"] / operations["bloctrain"] - 1.0,
        },
        "partition": {block.key: {"easy": len(block.easy), "hard": len(block.hard)} for block in results.built},
        "exits": {block.key: float(np.mean(exit_block == position)) for position, block in enumerate(results.built, start=1)},
        "depth": len(results.built),
        "training_seconds": {
            "bloctrain": sum(row["seconds"] or 0.0 for row in times["bloctrain"].values()),
            "bloctrain_base": sum(row["seconds"] or 0.0 for row in times["bloctrain_base"].values()),
            "end_to_end": times["end_to_end"][deepest]["seconds"],
        },
        "training_time_ratio": per_epoch / times["end_to_end"][deepest]["median_seconds_per_epoch"],
    }


def accuracy(exits: dict[str, np.ndarray]) -> float:
    """Share of images predicted rightly at the block that they left at."""
    return float(np.mean(exits["prediction"] == exits["label"]))
