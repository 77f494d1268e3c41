"""The paper's advice on its two thresholds (section 6.1), answered by an experiment's sweep of theta_conf and by the study of
its hardness threshold (`python -m studies.thresholds`), where one was published."""

from collections.abc import Sequence

from pipeline.reporting.claims.paper import Claim
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
    text = "; ".join(
        f"theta_conf {row['theta_conf']:g}: {100 * row['accuracy']:.2f} % at {row['compute_efficiency']:.3f}x"
        for row in [*found, full]
    )
    holds = any(
        row["compute_efficiency"] > full["compute_efficiency"] and full["accuracy"] - row["accuracy"] < ALLOWED_DROP
        for row in found
    )
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


def _told(text: str, holds: bool, words: str) -> Finding:
    return Finding(text, DIRECTION if holds else NOT_REPRODUCED, f"{'holds' if holds else 'does not hold'}: {words}")


def _values(rows: Sequence[Row]) -> str:
    return "mean " + ", ".join(f"{row['threshold']:+g}" for row in rows) + " std"


def _extent(rows: Sequence[Row], accuracy: str, compute: str) -> str:
    """What accuracy and compute range over; empty without rows."""
    if not rows:
        return ""
    accuracies, efficiencies = [100 * row[accuracy] for row in rows], [row[compute] for row in rows]
    return (
        f"test accuracy {min(accuracies):.2f} % to {max(accuracies):.2f} %, "
        f"compute efficiency {min(efficiencies):.2f} to {max(efficiencies):.2f}"
    )
