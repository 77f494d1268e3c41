"""Bands for an experiment that can be run once only: `python -m studies.bands` prints `expectations` for params.yaml.

Where there are several seeds, `python -m studies.seeds` is the better source. One run can hold two trainings of block 1 that
differ only by their random numbers, BlocTrain-base's and end to end's, if both are trained at the same learning rate; d = their
difference in test accuracy gives a seed's standard deviation s = |d| / sqrt(2), else 0. A band of an accuracy p, measured on
n test images, is
p -+ 3 sqrt(p (1 - p) / n + s^2).
"""

from math import ceil, floor, hypot, sqrt
from typing import Any

from pipeline.analysis.noise import variation
from pipeline.base.files import read_json
from pipeline.config import Params, load_params
from studies.experiments import in_one_line
from studies.seeds import SUMMARY, flatten

WIDTH = 3  # standard deviations
EFFICIENCY, COUNTED = 0.15, 0.01
"""Relative half-widths: what the exits decide follows the training; training memory is counted, for the classes left."""


def bands(summary: dict[str, Any], params: Params) -> str:
    """`expectations` in YAML for the numbers of one reports/summary.json."""
    alike = params.blocks["b1"].learning_rate == params.baselines.end_to_end_learning_rate
    test_images, spread = params.data.split.test, variation({}, [summary] if alike else []).deviation
    pair = all("b1" in summary["accuracy"]["by_depth"][method] for method in ("bloctrain_base", "end_to_end"))
    source = f"test images and two seeds of block 1, sd {spread:.4f}" if pair and alike else "test images alone"
    rows = []
    for metric, value in flatten(summary).items():
        if metric.startswith("accuracy"):
            deviation = hypot(sqrt(value * (1 - value) / test_images), spread)
            half, why = WIDTH * deviation, f"{WIDTH} x {deviation:.4f} ({source})"
        elif metric in ("efficiency.compute", "efficiency.compute_in_time", "efficiency.memory_overhead"):
            half, why = EFFICIENCY * value, f"{EFFICIENCY:.0%}, the exits follow the training"
        elif metric.startswith("efficiency.training_memory_reduction"):
            half, why = COUNTED * value, f"{COUNTED:.0%}, counted"
        else:
            continue
        low, high = floor((value - half) * 1e4) / 1e4, ceil((value + half) * 1e4) / 1e4
        rows.append(f'  - {{metric: {metric}, min: {low:.4f}, max: {high:.4f}, source: "own, one run: {value:.4f} -+ {why}"}}\n')
    return "expectations:\n" + "".join(rows)


if __name__ == "__main__":
    in_one_line(lambda: print(bands(read_json(SUMMARY), load_params()), end=""))
