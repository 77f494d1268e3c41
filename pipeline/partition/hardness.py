"""Class-wise accuracy and the hardness threshold (section 4.1, section 6.1)."""

import numpy as np

from pipeline.partition.params import ThresholdParams


def class_accuracies(prediction: np.ndarray, label: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Per class float64 `[classes]`: `recall`, the share of its own images that are right, and `one_vs_rest`, the share of
    all images rightly put inside or outside the class."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (label, prediction), 1)
    true_positive = np.diag(table)
    of_class, as_class, total = table.sum(1), table.sum(0), len(label)
    return {
        "recall": true_positive / np.maximum(of_class, 1),
        "one_vs_rest": (total - of_class - as_class + 2 * true_positive) / total,
    }


def hardness_threshold(accuracy: np.ndarray, params: ThresholdParams) -> float:
    """The threshold as an accuracy: the value itself, or mean + value * (population) standard deviation of `[classes]`."""
    if params.mode == "absolute":
        return params.value
    return float(accuracy.mean() + params.value * accuracy.std())


def divide(accuracy: np.ndarray, candidates: list[int], threshold: float) -> tuple[list[int], list[int]]:
    """(easy, hard): Algorithm 1's loop over H_{i-1}. A class at or below the threshold is hard, one without a mistake never."""
    hard = [int(c) for c in candidates if accuracy[c] <= threshold and accuracy[c] < 1]
    return [int(c) for c in candidates if c not in hard], hard
