"""Rules on cost: training memory, operations, memory and parameters of inference, training time."""

from collections.abc import Callable

from pipeline.reporting.facts import (
    DIRECTION,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    Facts,
    Finding,
    Rule,
    numeric,
    parameter_overhead,
)
from pipeline.reporting.paper import Claim

RATIO = 0.10
"""Relative, of compute and memory ratios: the figure that gives the layers is not in the text."""
EXTRA_POINTS = 3.0
"""Of BlocTrain-base's extra compute in percent: it follows the exit shares, which vary with the training."""


def memory_reduction(pick: Callable[..., float]) -> Rule:
    """Counted for the paper's own network, so that the tolerance decides whatever the run in force is."""

    def rule(facts: Facts, claim: Claim) -> Finding:
        ours = pick(row["reduction"] for row in facts.results.paper_memory if row["method"] == "bloctrain")
        near = abs(ours / claim.value - 1) <= RATIO
        return _counted(f"{ours:.2f}", near, f"{'within' if near else 'outside'} the tolerance of its value")

    return rule


def memory_order(facts: Facts, claim: Claim) -> Finding:
    """The same for the order of the three blocks: falls from the first to the second, rises at the third, not above the first."""
    totals = [row["total_mb"] for row in facts.results.paper_memory if row["method"] == "bloctrain"]
    holds = totals[0] > totals[2] > totals[1]
    words = f"{'holds' if holds else 'does not hold'}: {claim.value}"
    return _counted(", ".join(f"{total:.0f} MB" for total in totals), holds, words)


def _counted(text: str, holds: bool, words: str) -> Finding:
    reason = f"the paper's scale, {words}; counted as docs/assumptions.md says; the paper does not say what it counts"
    return Finding(text, REPRODUCED if holds else NOT_REPRODUCED, reason)


def compute_efficiency(facts: Facts, claim: Claim) -> Finding:
    wanted = claim.fields.get("hardness_threshold")
    ours = _at(facts, claim, "compute_efficiency", "compute")
    if ours is None:
        return Finding("", NOT_TESTABLE, f"inference.sweep has no theta_conf {claim.fields['theta_conf']}")
    if wanted is not None and not facts.gives(wanted):
        return Finding(f"{ours:.2f}", NOT_TESTABLE, f"this run's partition is not that of a threshold of {wanted} %")
    holds = _above(facts, "efficiency.compute", ours, 1)
    return _ratio(facts, claim, ours, holds, "early exit needs fewer operations than end-to-end")


def memory_overhead(facts: Facts, claim: Claim) -> Finding:
    ours = _at(facts, claim, "memory_overhead", "memory_overhead")
    if ours is None:
        return Finding("", NOT_TESTABLE, f"inference.sweep has no theta_conf {claim.fields['theta_conf']}")
    holds = _above(facts, "efficiency.memory_overhead", ours, 1)
    return _ratio(facts, claim, ours, holds, "the classifiers cost memory over end-to-end")


def _at(facts: Facts, claim: Claim, column: str, metric: str) -> float | None:
    theta = claim.fields.get("theta_conf")
    if theta is None or theta == facts.results.params.inference.theta_conf:
        return float(facts.summary["efficiency"][metric])
    row = facts.at_theta(theta)
    return None if row is None else row[column]


def relaxed(column: str, direction: int, words: str) -> Rule:
    """A ratio at the relaxed threshold, which must differ from that at theta_conf 1 in the stated direction."""

    def rule(facts: Facts, claim: Claim) -> Finding:
        allowed = claim.fields["accuracy_drop_below"] / 100
        full, row = facts.at_theta(1.0), facts.relaxed(allowed)
        if full is None or row is None:
            return Finding("", NOT_TESTABLE, "inference.sweep has no theta_conf 1 to compare with")
        drop = full["accuracy"] - row["accuracy"]
        holds = direction * (row[column] - full[column]) > 0 and drop < allowed
        at = f"{words} ({full[column]:.2f} at theta_conf 1, {row[column]:.2f} at {row['theta_conf']:.6g}, chosen on validation)"
        return _ratio(facts, claim, row[column], holds, f"{at}; test accuracy changes by {-100 * drop:+.2f} points")

    return rule


def base_extra_compute(facts: Facts, claim: Claim) -> Finding:
    """The paper's "synaptic operations" may be those that spikes cause or, as in its compute efficiency, multiply-accumulates:
    the first decides, both are told."""
    spiking = facts.summary["efficiency"]["base_extra_compute"]
    macs = {method: facts.results.inference[method]["macs_per_image"] for method in ("bloctrain", "bloctrain_base")}
    dense = macs["bloctrain_base"] / macs["bloctrain"] - 1
    near = abs(100 * spiking - claim.value) <= EXTRA_POINTS and spiking > 0
    text = f"{100 * spiking:+.1f} % ({100 * dense:+.1f} % of the multiply-accumulates)"
    holds = _above(facts, "efficiency.base_extra_compute", spiking, 0)
    return numeric(facts, claim, near, holds, text, "BlocTrain-base needs more synaptic operations than BlocTrain")


def training_time_same_batch(facts: Facts, claim: Claim) -> Finding:
    ours = facts.summary["training_time_ratio"]
    text = f"{ours:.2f} on this machine"
    if facts.results.params.features.mode == "cached":
        why = "the spikes of earlier blocks are cached here, and the paper's slowdown comes from recomputing them"
        return Finding(text, NOT_TESTABLE, f"other hardware; {why}")
    words = "BlocTrain is slower per epoch, on other hardware than the paper's"
    return Finding(text, DIRECTION if ours > 1 else NOT_REPRODUCED, f"{'holds' if ours > 1 else 'does not hold'}: {words}")


def training_time_memory_bound(facts: Facts, claim: Claim) -> Finding:
    return Finding("", NOT_TESTABLE, "needs the paper's GPU, whose memory limits end-to-end to a smaller batch")


def parameters(facts: Facts, claim: Claim) -> Finding:
    ours = parameter_overhead(facts.results)
    bound = float(str(claim.value).removeprefix("above "))
    return numeric(facts, claim, ours > bound, ours > 1, f"{ours:.2f}", "the classifiers cost parameters over end-to-end")


def _above(facts: Facts, metric: str, ours: float, bound: float) -> bool | None:
    """Whether `ours` lies above `bound`; None where it is no further from it than two deviations over seeds, or where a block was
    not built, which end-to-end has."""
    spread = facts.spreads.get(metric)
    if len(facts.results.built) < len(facts.results.blocks) or (spread and abs(ours - bound) <= 2 * spread.std):
        return None
    return ours > bound


def _ratio(facts: Facts, claim: Claim, ours: float, holds: bool | None, words: str) -> Finding:
    near = isinstance(claim.value, int | float) and abs(ours / claim.value - 1) <= RATIO
    if holds is None:
        words = f"{words}: not told apart over seeds, or not every block was built"
    return numeric(facts, claim, near and bool(holds), holds, f"{ours:.2f}", words)
