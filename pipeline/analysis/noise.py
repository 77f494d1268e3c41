"""Whether two accuracies differ by more than chance: the test images that they were measured on, and the trainings."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import t


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of a number over `seeds` seeds."""

    mean: float
    std: float
    seeds: int


@dataclass(frozen=True)
class Variation:
    """Standard deviation of a training's accuracy, known with `freedom` degrees of freedom (0: not known, and taken as 0), and
    the words for what it was taken from."""

    deviation: float
    freedom: int
    source: str


def spread_noise(spread: Spread) -> float:
    """What chance makes of a difference of two trainings' numbers with this spread in 95 % of cases, by Student's t."""
    return float(t.ppf(0.975, spread.seeds - 1)) * math.sqrt(2) * spread.std


def accuracy_noise(first: float, second: float, images: int, trainings: Variation) -> float:
    """What chance makes of a difference of two accuracies (0..1) on `images` test images in 95 % of cases.

    Two standard errors of a difference of proportions (both are measured on the same images, so an upper bound) and Student's t
    of a difference of two trainings, added as variances.
    """
    proportions = (first * (1 - first) + second * (1 - second)) / images
    quantile = float(t.ppf(0.975, trainings.freedom)) if trainings.freedom else 0.0
    return math.sqrt(4 * proportions + 2 * (quantile * trainings.deviation) ** 2)


def variation(spreads: Mapping[str, Spread], alike: Iterable[Mapping[str, Any]]) -> Variation:
    """The largest deviation of any accuracy over seeds, where seeds were measured; else that of pairs of trainings.

    `alike` are summaries of runs whose block 1 and end-to-end networks train alike: at depth 1 BlocTrain-base and end-to-end
    are the same network, trained on the same images from other initial weights in another order.
    """
    accuracies = [spread for metric, spread in spreads.items() if metric.startswith("accuracy.")]
    if accuracies:
        widest = max(accuracies, key=lambda spread: spread.std)
        return Variation(widest.std, widest.seeds - 1, f"{widest.seeds} trainings")
    pairs = [[summary["accuracy"]["by_depth"][m].get("b1") for m in ("bloctrain_base", "end_to_end")] for summary in alike]
    squares = [(first - second) ** 2 / 2 for first, second in pairs if first is not None and second is not None]
    if not squares:
        return Variation(0.0, 0, "no two trainings alike")
    count = len(squares)
    return Variation(math.sqrt(sum(squares) / count), count, f"{count} pair{'s' * (count > 1)} of trainings of block 1")
