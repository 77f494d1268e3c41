"""Claims that need no training: counted for the paper's own network, whatever the run in force is."""

from collections.abc import Callable

from pipeline.reporting.facts import NOT_REPRODUCED, REPRODUCED, Facts, Finding
from pipeline.reporting.paper import Claim, read_claims_file
from pipeline.reporting.rules_cost import RATIO, in_order
from pipeline.reporting.scale import SIDE, WIDTHS

FILE = "experiments/cifar10-resnet9.yaml"
WHY = "counted as docs/assumptions.md says; the paper does not say what it counts"
REDUCTIONS: dict[str, Callable[..., float]] = {
    "cifar10_resnet9.training_memory_reduction_min": min,
    "cifar10_resnet9.training_memory_reduction_max": max,
}
COUNTED = (*REDUCTIONS, "cifar10_resnet9.training_memory_order")


def counted(facts: Facts, claim: Claim) -> list[str]:
    """The row of one of COUNTED in the claims table."""
    finding = _finding(facts, claim)
    steps = read_claims_file()["setup"]["time_steps"]
    scale = f"CIFAR-10 {SIDE}x{SIDE}, first layer {WIDTHS['ResNet-9'][0]} channels, {steps} time steps; counted, not run"
    return [claim.id, claim.where, claim.text(), finding.ours, scale, finding.verdict, finding.reason, FILE]


def _finding(facts: Facts, claim: Claim) -> Finding:
    blocks = [row for row in facts.results.paper_memory if row["method"] == "bloctrain"]
    if claim.id in REDUCTIONS:
        ours = REDUCTIONS[claim.id](row["reduction"] for row in blocks)
        holds, text = abs(ours / claim.value - 1) <= RATIO, f"{ours:.2f}"
        words = f"{'within' if holds else 'outside'} the tolerance of its value"
    else:
        totals = [row["total_mb"] for row in blocks]
        holds, text = in_order(totals), ", ".join(f"{total:.0f} MB" for total in totals)
        words = f"{'holds' if holds else 'does not hold'}: {claim.value}"
    return Finding(text, REPRODUCED if holds else NOT_REPRODUCED, f"the paper's scale, {words}; {WHY}")
