"""The verdict on one claim: one judge for all that claims.yaml can describe, a rule for the few that it cannot.

A claim is reproduced only with the paper's network, data and scale, within its tolerance; elsewhere only its direction can show.
"""

from itertools import pairwise
from typing import Any

from pipeline.reporting.claims.experiments import advise
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.numbers import Numbers, Untestable
from pipeline.reporting.claims.paper import LITERATURE, RESULTS, Claim, section_of
from pipeline.reporting.ledger.entry import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, Finding, Verdict

WITHOUT_RESIDUALS = "cifar10_resnet9.accuracy_without_residuals"
BARE = "a value alone has no direction that would carry over to another scale or data"
NOISE = "a difference is within the noise of the test images or of the seeds"
COUNTED = "counted as docs/assumptions.md says; the paper does not say what it counts"


def judge(facts: Facts, claim: Claim) -> Finding:
    """What the run in force says of a claim; `text` is empty where it says nothing."""
    if claim.section == "heuristics":
        return advise(facts.own, claim)
    if not claim.judged:
        what = f"says what a figure shows; its counterparts for this run are reports/figures/figure_{claim.name}*"
        if claim.section in LITERATURE:
            what = f"{claim.fields['model']}, {claim.fields['method']}: a result of others that the paper quotes"
        return Finding("", NOT_TESTABLE, what)
    reason = _elsewhere(facts, claim)
    return Finding("", NOT_TESTABLE, reason) if reason else _result(facts, claim)


def _elsewhere(facts: Facts, claim: Claim) -> str:
    """Why the run is not one that tests the claim; nothing if it is."""
    scale = facts.own.scale
    applies = section_of(scale.family, scale.dataset) == claim.section
    if claim.section == "cifar10_resnet9" and scale.family == "VGG9-like":
        applies = claim.id == WITHOUT_RESIDUALS and scale.dataset != "cifar100"
    elif claim.id == WITHOUT_RESIDUALS:
        return "another experiment: the network without shortcuts (network.shortcuts: false)"
    tells = applies or "counted" in claim.judged or claim.section not in RESULTS
    return "" if tells else f"another experiment: {RESULTS[claim.section][2]} (this run is {scale.data} {scale.family})"


def _result(facts: Facts, claim: Claim) -> Finding:
    how, numbers, text, value = claim.judged, Numbers(facts, claim), "", None
    try:
        if "rule" in how:
            return RULES[how["rule"]](facts, claim)
        if how["kind"] == "setting":
            return Finding(how.get("show", "").format_map(numbers), NOT_TESTABLE, how.get("words", "a setting, not a result"))
        value = numbers["this"]
        text = how.get("show", claim.show).format_map(numbers)
        threshold = claim.fields.get("hardness_threshold")
        of_run = not how.get("metric", "").startswith("studied")  # a study has every threshold
        if threshold is not None and of_run and not facts.partitioned_at(threshold):
            raise Untestable(f"this run's partition is not that of a threshold of {threshold} %")
        if "not_if_cached" in how and facts.results.params.features.mode == "cached":
            raise Untestable(how["not_if_cached"])
        holds, words = _direction(facts, claim, numbers)
    except Untestable as error:
        return Finding(text, NOT_TESTABLE, str(error), value)
    return Finding(text, *_decide(facts, claim, value, holds, words), value)


def _direction(facts: Facts, claim: Claim, numbers: Numbers) -> tuple[bool | None, str]:
    """Whether all falls that the claim says falls, None if this run cannot tell or nothing does; and the direction in words."""
    how, noise, scale = claim.judged, claim.judged.get("noise"), facts.own.scale
    words = how.get("words", "" if how["kind"] != "order" else str(claim.value)).format_map(numbers)
    chains = [[numbers[name] if isinstance(name, str) else name for name in chain] for chain in how.get("falls", [])]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    if not pairs:
        return None, words
    (more, less), spread = pairs[0], facts.spreads.get(str(noise))
    if noise not in (None, "images"):
        near = spread is not None and abs(more - less) <= 2 * claim.times * spread.std
        if near or len(facts.results.built) < len(facts.results.blocks):
            return None, f"{words}: not told apart over seeds, or not every block was built"
    signs = [facts.clearly(*pair) if noise == "images" else 1 if pair[0] > pair[1] else -1 for pair in pairs]
    if min(signs) == 0 and how["kind"] != "order":
        source = f"{scale.test_images} test images, {facts.variation.source}"
        within = f"is within the noise of {100 * facts.noise(more, less):.2f} points ({source})"
        words = f"{words}: {100 * more:.2f} % against {100 * less:.2f} % {within}"
    return None if min(signs) == 0 else min(signs) > 0, words


def _decide(facts: Facts, claim: Claim, value: Any, holds: bool | None, words: str) -> tuple[Verdict, str]:
    """At the paper's scale the value decides, elsewhere the direction."""
    how, order, at_scale = claim.judged, claim.judged["kind"] == "order", facts.at_paper_scale(claim)
    direction = f"{'holds' if holds else 'does not hold'}: {words}" if words and holds is not None else words
    if order and holds is None:
        return NOT_TESTABLE, NOISE
    if "counted" in how or (at_scale and not order):
        near = bool(holds) if order else _near(facts, claim, value, claim.value)
        if how.get("strict") or how.get("noise") == "images":  # also the direction, or at least nothing against it
            near = near and (holds is True if how.get("strict") else holds is not False)
        where = f"{'within' if near else 'outside'} the tolerance of its value"
        parts = (direction if order else where, COUNTED) if "counted" in how else (where, direction)
        reason = f"the paper's scale, {'; '.join(part for part in parts if part)}"
        return REPRODUCED if near else NOT_REPRODUCED, reason
    if holds is None:
        return NOT_TESTABLE, words or BARE
    return (REPRODUCED if at_scale else DIRECTION) if holds else NOT_REPRODUCED, direction


def _near(facts: Facts, claim: Claim, value: Any, paper: Any) -> bool:
    """Whether our value, or each of several, lies within the claim's tolerance of the paper's."""
    kind, tolerance = claim.judged["kind"], float(claim.judged.get("tolerance", 0.0))
    if isinstance(paper, dict):
        return all(_near(facts, claim, value[name], each) for name, each in paper.items())
    if kind == "bound":
        return bool(value > float(str(paper).removeprefix("above ")))
    if kind == "interval":
        return facts.gives(paper)
    if kind == "ratio":
        return bool(abs(value / paper - 1) <= tolerance)
    return bool(abs(value - paper) <= tolerance * (len(facts.results.class_names) if kind == "count" else 1))


def _rises_then_flat(facts: Facts, claim: Claim) -> Finding:
    """VGG-16: block 2 is clearly more accurate than block 1, no deeper block further from it than the tolerance in points."""
    own = facts.by_depth("bloctrain")
    text = "; ".join(f"{key}: {100 * value:.2f} %" for key, value in own.items())
    if len(own) < 3:
        return Finding(text, NOT_TESTABLE, "fewer than three blocks were built", own)
    first, second, *deeper = own.values()
    flat = all(abs(100 * (value - second)) <= claim.judged["tolerance"] for value in deeper)
    rises = facts.clearly(second, first)
    verdict, reason = _decide(facts, claim, own, rises > 0 if rises and flat else None if flat else False, str(claim.value))
    return Finding(text, verdict, reason, own)


RULES = {"rises_then_flat": _rises_then_flat}
"""Claims that are none of the kinds of claims.yaml."""
