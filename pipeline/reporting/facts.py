"""What the verdicts are decided from: this run's numbers, its scale, and whether a difference is more than noise."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scipy.stats import t

from pipeline.config import Params
from pipeline.layout import block_folder, end_to_end_folder
from pipeline.reporting.ledger import Entry, Spread
from pipeline.reporting.paper import Claim
from pipeline.reporting.results import Block, Results, Row, parameter_count
from pipeline.reporting.scale import DATASETS, paper_network, paper_training

Verdict = Literal["reproduced", "same direction", "not reproduced", "not testable here"]
REPRODUCED: Verdict = "reproduced"
DIRECTION: Verdict = "same direction"
NOT_REPRODUCED: Verdict = "not reproduced"
NOT_TESTABLE: Verdict = "not testable here"
VERDICTS = (REPRODUCED, DIRECTION, NOT_REPRODUCED, NOT_TESTABLE)


@dataclass(frozen=True)
class Finding:
    """`ours` as text (empty if this run has no such number), the verdict, and why."""

    ours: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Facts:
    """Results and summary of the run in force, the spread of its numbers over seeds where that was measured, and the ledger.

    Where verdicts are not to be drawn from the ledger, `published` are the experiments that say how much trainings vary.
    """

    results: Results
    summary: dict[str, Any]
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    ledger: Sequence[Entry] = ()
    published: Sequence[Entry] = ()

    @property
    def others(self) -> list[Entry]:
        """The published experiments but the one in force, which stands for its own entry."""
        return [entry for entry in self.ledger if entry.name != self.results.params.experiment]

    def accuracy(self, method: str) -> float:
        return float(self.summary["accuracy"][method])

    def by_depth(self, method: str) -> dict[str, float]:
        return dict(self.summary["accuracy"]["by_depth"][method])

    def at_theta(self, theta: float, split: str = "test") -> Row | None:
        """BlocTrain's trade-off row at one confidence threshold, or None if the sweep has no such value."""
        return next((row for row in self.sweep(split) if row["theta_conf"] == theta), None)

    def sweep(self, split: str) -> list[Row]:
        """BlocTrain's trade-off rows of one split, from the lowest confidence threshold up."""
        rows = [row for row in self.results.tradeoff if row["method"] == "bloctrain" and row["split"] == split]
        return sorted(rows, key=lambda row: row["theta_conf"])

    def relaxed(self, drop: float) -> Row | None:
        """The test row at the lowest threshold that costs less than `drop` (0..1) of *validation* accuracy against theta 1.

        The threshold is chosen on validation, so the test set chooses nothing.
        """
        full = self.at_theta(1.0, "validation")
        if full is None:
            return None
        allowed = [row["theta_conf"] for row in self.sweep("validation") if full["accuracy"] - row["accuracy"] < drop]
        return self.at_theta(min(allowed)) if allowed else None

    @property
    def variation(self) -> "Variation":
        """How much a training's accuracy varies: over this run's seeds, else by the pairs of every experiment on its data."""
        params, data = self.results.params, DATASETS[self.results.dataset]
        others = [entry for entry in self.published or self.ledger if entry.name != params.experiment]
        same = [entry for entry in others if entry.data_and_scale[0] == data]
        return variation(self.spreads, [(self.summary, params), *((entry.summary, entry.params) for entry in same)])

    def noise(self, first: float, second: float) -> float:
        """What two accuracies on the test set may differ by without meaning (`accuracy_noise`)."""
        return accuracy_noise(first, second, self.results.images("test"), self.variation)

    def clearly(self, first: float, second: float) -> int:
        """Sign of first - second, two accuracies on the test set; 0 if they differ by no more than `noise`."""
        return 0 if abs(first - second) <= self.noise(first, second) else (1 if first > second else -1)

    def band(self, key: str) -> tuple[float, float]:
        """Thresholds that give a block's very partition: from the highest hard accuracy up to the lowest easy one (0..1)."""
        block = next(block for block in self.results.blocks if block.key == key)
        return partition_band(block, self.results.params.partition.metric)

    def gives(self, threshold: float) -> bool:
        """Whether a threshold in percent gives b1's partition: a class at or below the threshold is hard."""
        low, high = self.band("b1")
        return low <= threshold / 100 < high

    def at_paper_scale(self, claim: Claim) -> bool:
        check = paper_network(self.results, claim.section) if claim.needs == "analytic" else None
        return paper_training(self.results, claim.section) if check is None else check


@dataclass(frozen=True)
class Variation:
    """Standard deviation of a training's accuracy, known with `freedom` degrees of freedom (0: not known, and taken as 0), and
    the words for what it was taken from."""

    deviation: float
    freedom: int
    source: str


def accuracy_noise(first: float, second: float, images: int, trainings: Variation) -> float:
    """What chance makes of a difference of two accuracies (0..1) on `images` test images in 95 % of cases.

    Two standard errors of a difference of proportions (both are measured on the same images, so an upper bound) and Student's t
    of a difference of two trainings, added as variances.
    """
    proportions = (first * (1 - first) + second * (1 - second)) / images
    quantile = float(t.ppf(0.975, trainings.freedom)) if trainings.freedom else 0.0
    return math.sqrt(4 * proportions + 2 * (quantile * trainings.deviation) ** 2)


def variation(spreads: Mapping[str, Spread], runs: Iterable[tuple[Mapping[str, Any], Params]]) -> Variation:
    """The largest deviation of any accuracy over seeds, where seeds were measured; else that of the pairs of `runs` (`pair`)."""
    accuracies = [spread for metric, spread in spreads.items() if metric.startswith("accuracy.")]
    if accuracies:
        widest = max(accuracies, key=lambda spread: spread.std)
        return Variation(widest.std, widest.seeds - 1, f"{widest.seeds} trainings")
    squares = [difference**2 / 2 for summary, params in runs if (difference := pair(summary, params)) is not None]
    if not squares:
        return Variation(0.0, 0, "no two trainings alike")
    count = len(squares)
    return Variation(math.sqrt(sum(squares) / count), count, f"{count} pair{'s' * (count > 1)} of trainings of block 1")


def pair(summary: Mapping[str, Any], params: Params) -> float | None:
    """Difference in accuracy of the two trainings alike that every run holds: the first blocks of BlocTrain-base and of end to
    end are the same network, trained on the same images from other initial weights in another order. None where their learning
    rates differ."""
    if params.blocks["b1"].learning_rate != params.baselines.end_to_end_learning_rate:
        return None
    first, second = (summary["accuracy"]["by_depth"][method].get("b1") for method in ("bloctrain_base", "end_to_end"))
    return None if first is None or second is None else first - second


def partition_band(block: Block, metric: str) -> tuple[float, float]:
    """(highest accuracy of a hard class, lowest of an easy one); 0 and 1 where there is no such class."""
    accuracy = block.accuracy[metric]
    return max(accuracy[block.hard], default=0.0), min(accuracy[block.easy], default=1.0)


def parameter_overhead(results: Results) -> float:
    """Parameters of all blocks with their classifiers over those of the deepest end-to-end network."""
    own = sum(parameter_count(block_folder(block.key) / "block.safetensors") for block in results.built)
    return own / parameter_count(end_to_end_folder(results.params.deepest) / "block.safetensors")


def numeric(facts: Facts, claim: Claim, near: bool, holds: bool | None, text: str, words: str) -> Finding:
    """The verdict on a number.

    At the paper's scale only `near` counts: within the claim's tolerance of the paper's value. Elsewhere only `holds` does: the
    claim's direction, `words`, holds; None if this run cannot tell (within noise) or a bare value has no direction.
    """
    direction = f"{'holds' if holds else 'does not hold'}: {words}" if words and holds is not None else words
    if facts.at_paper_scale(claim):
        where = "within" if near else "outside"
        reason = f"the paper's scale, {where} the tolerance of its value; {direction}".strip("; ")
        return Finding(text, REPRODUCED if near else NOT_REPRODUCED, reason)
    if holds is None:
        return Finding(
            text, NOT_TESTABLE, words or "a value alone has no direction that would carry over to another scale or data"
        )
    return Finding(text, DIRECTION if holds else NOT_REPRODUCED, direction)


def statement(facts: Facts, claim: Claim, text: str, holds: bool, words: str) -> Finding:
    """An order rather than a number: at the paper's scale it is reproduced if it holds."""
    if not holds:
        return Finding(text, NOT_REPRODUCED, f"does not hold: {words}")
    return Finding(text, REPRODUCED if facts.at_paper_scale(claim) else DIRECTION, f"holds: {words}")


def percent(value: float) -> str:
    """An accuracy or share 0..1 in percent."""
    return f"{100 * value:.2f} %"


Rule = Callable[[Facts, Claim], Finding]
