"""Which classes are easy and which are hard after a block: groups.json, and classes.json and class_accuracy.csv for people."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.files import damaged, read_json, write_csv, write_json

METRICS = ("recall", "one_vs_rest")


@dataclass(frozen=True)
class Groups:
    """Class indices, and the weight of the logits so far in the next block's sum. Both lists are empty after a block that was not
    built; before block 1 every class is hard."""

    easy: list[int]
    hard: list[int]
    earlier_logits: float = 1.0

    def save(self, folder: Path) -> None:
        """Write groups.json, which later stages read; the weight where it is not 1."""
        weight = {} if self.earlier_logits == 1 else {"earlier_logits": self.earlier_logits}
        write_json(folder / "groups.json", {"easy": self.easy, "hard": self.hard} | weight)

    def explain(
        self, folder: Path, accuracies: dict[str, np.ndarray] | None = None, metric: str | None = None,
        threshold: float | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """Write classes.json and class_accuracy.csv: the class accuracies float64 `[K]` by metric, and the threshold used."""
        deciding = None if accuracies is None or metric is None else [float(value) for value in accuracies[metric]]
        content = {"easy": self.easy, "hard": self.hard, "class_accuracy": deciding, "metric": metric, "threshold": threshold}
        write_json(folder / "classes.json", content | more)
        columns = [accuracies[name].tolist() for name in METRICS] if accuracies else [[], []]
        write_csv(folder / "class_accuracy.csv", ("class", *METRICS), zip(range(len(columns[0])), *columns, strict=True))


def load_groups(folder: Path) -> Groups:
    """groups.json.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / "groups.json"
    try:
        return Groups(**read_json(path))
    except TypeError as error:
        raise damaged(path, "not easy and hard classes") from error
