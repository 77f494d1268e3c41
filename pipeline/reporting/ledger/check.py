"""Whether an entry's numbers are those that its own predictions and expectations give."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.base.files import read_arrays
from pipeline.base.folders import METHODS
from pipeline.reporting.ledger.entry import FILE, PREDICTIONS, Entry
from pipeline.reporting.validation import check_all, recorded


def check_entry(entry: Entry, folder: Path) -> tuple[str, list[str]]:
    """What was checked of an entry, in a line, and what fails: the expectations that it was recorded with, by reporting's own
    parser alone, and accuracies and exits counted again.

    Raises:
        UserError: predictions are missing or damaged, or an expectation cannot be read.
    """
    checks = check_all(recorded(entry.parameters, str(folder / FILE)), entry.summary)
    failures = [check.failure() for check in checks if not check.ok]
    failures += check_predictions(entry, read_arrays(folder / PREDICTIONS))
    counted = f"accuracies and exits counted again from {entry.scale.test_images} predictions"
    held = f"{sum(check.ok for check in checks)} of {len(checks)} expectations hold"
    return f"{entry.name}: {held}; {counted}; {len(failures)} failures", [f"{entry.name}: {failure}" for failure in failures]


def check_predictions(entry: Entry, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Differences between the accuracies and exits of an entry and those that its predictions give; [] if there are none."""
    depths, label = entry.summary["accuracy"]["by_depth"], arrays["label"]
    wanted = {f"{method}_{key}": value for method in METHODS for key, value in depths[method].items()}
    counted = {name: float(np.mean(arrays[name] == label)) for name in wanted if name in arrays}
    for position, (key, share) in enumerate(entry.summary["exits"].items(), start=1):
        wanted[f"exits.{key}"] = share
        counted[f"exits.{key}"] = float(np.mean(arrays["bloctrain_exit"] == position))
    return [
        f"{FILE}: {name} is {value:.6f}, {PREDICTIONS} gives {counted.get(name, float('nan')):.6f}"
        for name, value in wanted.items()
        if name not in counted or abs(counted[name] - value) > 1e-9
    ]
