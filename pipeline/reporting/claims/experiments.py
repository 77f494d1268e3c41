"""Claims that take a study or two experiments: the paper's advice on its two thresholds (section 6.1), answered by a sweep of
theta_conf and by the study of the hardness threshold (`python -m studies.thresholds`), and whether residual connections help."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis.noise import Spread, accuracy_noise
from pipeline.analysis.table import NAMES
from pipeline.base.folders import METHODS
from pipeline.reporting.claims.facts import pooled
from pipeline.reporting.claims.paper import Claim
from pipeline.reporting.ledger.alike import same_parameters
from pipeline.reporting.ledger.entry import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, Entry, Finding
from pipeline.reporting.results import Row
from pipeline.reporting.scale import DATASETS

ALLOWED_DROP = 0.005
"""Of accuracy, for less compute: the half point that the paper allows its relaxed threshold (section 5.2)."""
RECOMMENDED = (0.999, 0.9999)
"""1 - 10^-3 and 1 - 10^-4 (section 6.1)."""
RANGE = (0.99, 0.999999)
ADVISED = {"hardness_threshold_cifar10": ("cifar10", -1.0), "hardness_threshold_cifar100": ("cifar100", 0.5)}
"""Data set and hardness threshold, in standard deviations from the mean class-wise accuracy (section 6.1)."""
SETTING = "a range that was investigated, not a result"
FREE = ("experiment", "expectations", "network", "data.source", "data.path")
"""Parameters in which the two experiments may differ; where the images were read from does not matter, the data set does. With
the network that includes the gain of the initial weights: shortcuts add to a layer's input, so without them deep layers need a
larger gain to spike at all."""


def advise(entry: Entry, claim: Claim) -> Finding:
    """The finding on one claim of section 6.1; `text` is empty where the experiment cannot tell."""
    if claim.name == "theta_conf_recommended":
        return _recommended_theta(entry.sweep())
    if claim.name == "theta_conf_range":
        swept = [row for row in entry.sweep() if RANGE[0] <= row["theta_conf"] <= RANGE[1]]
        return Finding(_extent(swept, "accuracy", "compute_efficiency"), NOT_TESTABLE, SETTING)
    rows = entry.thresholds
    if claim.name in ADVISED:
        return _advised_threshold(rows, entry.scale.dataset, *ADVISED[claim.name])
    text = _extent(rows, "test accuracy", "compute efficiency")
    return Finding(text and f"{_values(rows)}: {text}", NOT_TESTABLE, SETTING)


def _recommended_theta(sweep: Sequence[Row]) -> Finding:
    """Favourable: fewer operations than at theta_conf 1 for less than ALLOWED_DROP of test accuracy."""
    rows = {row["theta_conf"]: row for row in sweep}
    if 1.0 not in rows or not any(theta in rows for theta in RECOMMENDED):
        return Finding("", NOT_TESTABLE, "inference.sweep has not theta_conf 1 and the recommended ones")
    full, found = rows[1.0], [rows[theta] for theta in RECOMMENDED if theta in rows]
    told = [(row["theta_conf"], 100 * row["accuracy"], row["compute_efficiency"]) for row in (*found, full)]
    text = "; ".join(f"theta_conf {theta:g}: {accuracy:.2f} % at {compute:.3f}x" for theta, accuracy, compute in told)
    cheaper = [row for row in found if row["compute_efficiency"] > full["compute_efficiency"]]
    holds = any(full["accuracy"] - row["accuracy"] < ALLOWED_DROP for row in cheaper)
    return _told(text, holds, f"less compute for less than {100 * ALLOWED_DROP:g} points of accuracy")


def _advised_threshold(rows: Sequence[Row], dataset: str, wanted: str, advised: float) -> Finding:
    """The advice holds where that threshold is the one of least compute within ALLOWED_DROP of the best validation accuracy."""
    if dataset != wanted or advised not in [row["threshold"] for row in rows]:
        return Finding("", NOT_TESTABLE, f"no study of the hardness threshold on {DATASETS[wanted]} at mean {advised:+g} std")
    best = max(row["validation accuracy"] for row in rows)
    allowed = [row for row in rows if row["validation accuracy"] >= best - ALLOWED_DROP]
    chosen = max(allowed, key=lambda row: row["compute efficiency"])
    what = f"{100 * chosen['test accuracy']:.2f} % at {chosen['compute efficiency']:.2f}x"
    text = f"mean {chosen['threshold']:+g} std ({what}) of {_values(rows)}"
    if chosen["threshold"] == min(row["threshold"] for row in rows):
        return Finding(text, NOT_TESTABLE, "the lowest threshold studied costs least, and lower ones may cost less still")
    words = f"of least compute within {100 * ALLOWED_DROP:g} points of the best validation accuracy"
    return _told(text, chosen["threshold"] == advised, words)


def _told(text: str, holds: bool, words: str, value: Any = None) -> Finding:
    return Finding(text, DIRECTION if holds else NOT_REPRODUCED, f"{'holds' if holds else 'does not hold'}: {words}", value)


def _values(rows: Sequence[Row]) -> str:
    return "mean " + ", ".join(f"{row['threshold']:+g}" for row in rows) + " std"


def _extent(rows: Sequence[Row], accuracy: str, compute: str) -> str:
    """What accuracy and compute range over; empty without rows."""
    if not rows:
        return ""
    accuracies, costs = [100 * row[accuracy] for row in rows], [row[compute] for row in rows]
    shown = f"test accuracy {min(accuracies):.2f} % to {max(accuracies):.2f} %"
    return f"{shown}, compute efficiency {min(costs):.2f} to {max(costs):.2f}"


def residual_pairs(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """(with shortcuts, without) for all experiments that differ in nothing else."""
    whole = [entry for entry in entries if None not in (entry.summary["accuracy"].get(method) for method in METHODS)]
    return [
        (first, second)
        for first in whole
        for second in whole
        if first.scale.shortcuts and not second.scale.shortcuts and first.scale.dataset == second.scale.dataset
        if same_parameters(first.parameters, second.parameters, FREE)
    ]


def compare_residuals(residual: Entry, plain: Entry, entries: Sequence[Entry], spreads: Mapping[str, Spread]) -> Finding:
    """BlocTrain at full depth decides; the other methods are named beside it. `entries`: all experiments on this data, whose
    pairs of trainings say how much trainings vary, unless `spreads` of the residual one do."""
    pairs = {method: [float(entry.summary["accuracy"][method]) for entry in (plain, residual)] for method in METHODS}
    text = "; ".join(f"{NAMES[m]} {100 * a:.2f} % without, {100 * b:.2f} % with" for m, (a, b) in pairs.items())
    before, after = pairs["bloctrain"]
    noise = accuracy_noise(before, after, residual.scale.test_images, pooled(spreads, entries))
    gains = f"init_gain {plain.scale.init_gain:g} and {residual.scale.init_gain:g}"
    words = f"BlocTrain is more accurate with shortcuts than without ({gains})"
    if abs(after - before) <= noise:
        return Finding(text, NOT_TESTABLE, f"{words}: within the noise of {100 * noise:.2f} points", pairs)
    return _told(text, after > before, words, pairs)
