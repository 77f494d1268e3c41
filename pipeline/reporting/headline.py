"""The paper's headline numbers beside those of every published experiment: the table that README quotes."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.reporting.ledger import Entry
from pipeline.reporting.paper import claim_values
from pipeline.reporting.text import Table

SECTION = "cifar10_resnet9"
PAPER_COLUMN = "paper (ResNet-9)"
Pick = Callable[[dict[str, Any]], str]


def _accuracy(method: str) -> Pick:
    return lambda summary: f"{100 * summary['accuracy'][method]:.1f} %"


def _ratio(name: str) -> Pick:
    return lambda summary: f"{summary['efficiency'][name]:.2f}x"


def _reduction(summary: dict[str, Any]) -> str:
    values = summary["efficiency"]["training_memory_reduction"].values()
    return f"{min(values):.2f}x to {max(values):.2f}x" if values else ""


ROWS: list[tuple[str, Sequence[str], str, Pick]] = [
    ("test accuracy, BlocTrain", ["accuracy_bloctrain"], "{} %", _accuracy("bloctrain")),
    ("test accuracy, BlocTrain-base", ["accuracy_base"], "{} %", _accuracy("bloctrain_base")),
    ("test accuracy, end to end", [], "", _accuracy("end_to_end")),
    ("less compute per inference", ["compute_efficiency"], "{}x", _ratio("compute")),
    ("measured speed-up of inference", [], "", _ratio("measured_speedup")),
    ("more memory in inference", ["inference_memory_overhead"], "{}x", _ratio("memory_overhead")),
    ("less memory in training", ["training_memory_reduction_min", "training_memory_reduction_max"], "{}x to {}x", _reduction),
    ("training time over end to end", ["training_time_same_batch"], "{}x", lambda s: f"{s['training_time_ratio']:.2f}x"),
]
"""Words, claims of the paper that state the number, how to print them, and the same number from a summary."""


def headline(ledger: Sequence[Entry]) -> Table:
    """A row per number, a column for the paper and for each published experiment."""
    paper = claim_values()
    rows = [
        [words, form.format(*(paper[f"{SECTION}.{name}"] for name in names)), *(pick(entry.summary) for entry in ledger)]
        for words, names, form, pick in ROWS
    ]
    note = (
        "theta_conf is 1; ratios are against end to end at full depth. At what scale: table experiments; claim by claim: claims."
    )
    return Table(
        "headline", "The paper and the published experiments", ["number", PAPER_COLUMN, *(e.name for e in ledger)], rows, [note]
    )
