"""The verdict on one claim: one judge for all that claims.yaml can describe, a rule for the few that it cannot.

A claim is 'reproduced' only with the paper's network, data and scale, within its tolerance; elsewhere only its direction can show.
"""

from itertools import pairwise
from typing import Any

from pipeline.reporting.claims.advice import advise
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.numbers import Numbers, Untestable
from pipeline.reporting.claims.paper import LITERATURE, RESULTS, Claim, section_of
from pipeline.reporting.ledger.entry import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, Finding, Verdict

WITHOUT_RESIDUALS = "cifar10_resnet9.accuracy_without_residuals"
BARE = "a value alone has no direction that would carry over to another scale or data"
COUNTED = "counted as docs/assumptions.md says; the paper does not say what it counts"


def judge(facts: Facts, claim: Claim) -> Finding:
    """What the run in force says of a claim; `text` is empty where it says nothing."""
    if claim.section in RESULTS:
        reason = _elsewhere(facts, claim)
        return Finding("", NOT_TESTABLE, reason) if reason else _result(facts, claim)
    if claim.section in LITERATURE:
        row = f"{claim.fields['model']}, {claim.fields['method']}"
        return Finding("", NOT_TESTABLE, f"{row}: a result of others that the paper quotes")
    if claim.section == "figures":
        what = f"says what a figure shows; its counterparts for this run are reports/figures/figure_{claim.name}*"
        return Finding("", NOT_TESTABLE, what)
    if claim.section == "setup":
        return Finding(_setting(facts, claim), NOT_TESTABLE, "a setting, not a result")
    return advise(facts.own, claim)


def _elsewhere(facts: Facts, claim: Claim) -> str:
    """Why the run is not one that tests the claim; nothing if it is."""
    scale = facts.own.scale
    applies = section_of(scale.family, scale.dataset) == claim.section
    if claim.section == "cifar10_resnet9" and scale.family == "VGG9-like":
        applies = claim.id == WITHOUT_RESIDUALS and scale.dataset != "cifar100"
    elif claim.id == WITHOUT_RESIDUALS:
        return "another experiment: the network without shortcuts (network.shortcuts: false)"
    if applies or "counted" in claim.judged:
        return ""
    return f"another experiment: {RESULTS[claim.section][2]} (this run is {scale.data} {scale.family})"


def _result(facts: Facts, claim: Claim) -> Finding:
    how, numbers, text = claim.judged, Numbers(facts, claim), ""
    try:
        if "rule" in how:
            return RULES[how["rule"]](facts, claim)
        if how["kind"] == "setting":
            return Finding(how.get("show", "").format_map(numbers), NOT_TESTABLE, how["words"])
        value = numbers["this"]
        text = _text(value) if isinstance(value, dict) else how.get("show", "{this}").format_map(numbers)
        if "not_if_cached" in how and facts.results.params.features.mode == "cached":
            verdict, reason = NOT_TESTABLE, how["not_if_cached"]
        else:
            holds, words = _direction(numbers)
            verdict, reason = _decide(facts, claim, value, holds, words)
    except Untestable as error:
        return Finding(error.text or text, NOT_TESTABLE, str(error))
    return Finding(text, verdict, reason, value)


def _text(by_block: dict[str, list[float]]) -> str:
    return "; ".join(f"{key}: {' against '.join(f'{value:.2f} %' for value in values)}" for key, values in by_block.items())


def _direction(numbers: Numbers) -> tuple[bool | None, str]:
    """Whether everything falls that the claim says falls, None if this run cannot tell; and the direction in words."""
    facts, how = numbers.facts, numbers.claim.judged
    words, noise = how.get("words", str(numbers.claim.value)).format_map(numbers) if "falls" in how else how.get("words", ""), how.get("noise")
    pairs = [pair for chain in how.get("falls", []) for pair in pairwise(_value(numbers, name) for name in chain)]
    if noise == "seeds":
        (ours, bound), spread = pairs[0], facts.spreads.get(how["spread"])
        if len(facts.results.built) < len(facts.results.blocks) or (
            spread and abs(ours - bound) <= 2 * spread.std * how.get("times", 1)
        ):
            return None, f"{words}: not told apart over seeds, or not every block was built"
    signs = [facts.clearly(more, less) if noise == "images" else 1 if more > less else -1 for more, less in pairs]
    if signs and min(signs) == 0 and how["kind"] != "order":
        more, less = pairs[0]
        source = f"{facts.own.scale.test_images} test images, {facts.variation.source}"
        values = f"{100 * more:.2f} % against {100 * less:.2f} %"
        words = f"{words}: {values} is within the noise of {100 * facts.noise(more, less):.2f} points ({source})"
    return None if not signs or min(signs) == 0 else min(signs) > 0, words


def _value(numbers: Numbers, name: str | float) -> float:
    return float(numbers[name]) if isinstance(name, str) else name


def _decide(facts: Facts, claim: Claim, value: Any, holds: bool | None, words: str) -> tuple[Verdict, str]:
    """At the paper's scale the value decides, elsewhere the direction."""
    how = claim.judged
    direction = f"{'holds' if holds else 'does not hold'}: {words}" if words and holds is not None else words
    near = bool(holds) if how["kind"] == "order" else _near(facts, claim, value)
    where = f"{'within' if near else 'outside'} the tolerance of its value"
    if "counted" in how:
        reason = f"the paper's scale, {direction if how['kind'] == 'order' else where}; {COUNTED}"
        return REPRODUCED if near else NOT_REPRODUCED, reason
    if how["kind"] == "order" and holds is None:
        return NOT_TESTABLE, "a difference is within the noise of the test images or of the seeds"
    if facts.at_paper_scale(claim) and how["kind"] != "order":
        near = near and (holds is True if how.get("strict") else holds is not False or how.get("noise") != "images")
        where = f"{'within' if near else 'outside'} the tolerance of its value"
        return REPRODUCED if near else NOT_REPRODUCED, f"the paper's scale, {where}; {direction}".strip("; ")
    if holds is None:
        return NOT_TESTABLE, words or BARE
    return (REPRODUCED if facts.at_paper_scale(claim) else DIRECTION) if holds else NOT_REPRODUCED, direction


def _near(facts: Facts, claim: Claim, value: Any) -> bool:
    """Whether our value lies within the claim's tolerance of the paper's."""
    kind, tolerance, paper = claim.judged["kind"], claim.judged.get("tolerance"), claim.value
    if kind == "bound":
        return bool(value > float(str(paper).removeprefix("above ")))
    if kind == "interval":
        return facts.gives(paper)
    if kind == "ratio":
        return bool(abs(value / paper - 1) <= tolerance)
    return bool(abs(value - paper) <= tolerance * (len(facts.results.class_names) if kind == "count" else 1))


def _rises_then_flat(facts: Facts, claim: Claim) -> Finding:
    """VGG-16: block 2 is clearly more accurate than block 1, and no deeper block further from it than the tolerance, in points."""
    own = facts.by_depth("bloctrain")
    text = "; ".join(f"{key}: {100 * value:.2f} %" for key, value in own.items())
    if len(own) < 3:
        raise Untestable("fewer than three blocks were built", text)
    first, second, *deeper = own.values()
    flat = all(abs(100 * (value - second)) <= claim.judged["tolerance"] for value in deeper)
    rises = facts.clearly(second, first)
    if rises < 0 or not flat:
        return Finding(text, NOT_REPRODUCED, f"does not hold: {claim.value}", own)
    if rises == 0:
        raise Untestable("a difference is within the noise of the test images or of the seeds", text)
    return Finding(text, REPRODUCED if facts.at_paper_scale(claim) else DIRECTION, f"holds: {claim.value}", own)


def _hard_at_thresholds(facts: Facts, claim: Claim) -> Finding:
    """How many classes after block 1 would be hard at each of the paper's thresholds."""
    accuracy = facts.results.blocks[0].accuracy[facts.results.params.partition.metric]
    ours = {threshold: int((accuracy <= threshold / 100).sum()) for threshold in claim.value}
    text = ", ".join(f"{threshold}: {count}" for threshold, count in ours.items())
    if not facts.at_paper_scale(claim):
        return Finding(text, NOT_TESTABLE, BARE, ours)
    near = all(abs(ours[t] - count) <= claim.judged["tolerance"] * len(accuracy) for t, count in claim.value.items())
    reason = f"the paper's scale, {'within' if near else 'outside'} the tolerance of its value"
    return Finding(text, REPRODUCED if near else NOT_REPRODUCED, reason, ours)


RULES = {"rises_then_flat": _rises_then_flat, "hard_at_thresholds": _hard_at_thresholds}
"""Claims that are none of the kinds of claims.yaml."""


def _setting(facts: Facts, claim: Claim) -> str:
    params = facts.results.params
    rates = {key: block.learning_rate for key, block in params.blocks.items()}
    rates["end_to_end"] = params.baselines.end_to_end_learning_rate
    return {
        "split": ", ".join(f"{split}: {facts.results.images(split)}" for split in ("train", "validation", "test")),
        "time_steps": str(params.encoding.time_steps),
        "max_rate_hz": f"{params.encoding.max_rate_hz:g}",
        "optimizer": "Adam",
        "epochs": str(params.training.epochs),
        "batch_size": str(params.training.batch_size),
        "learning_rate": ", ".join(f"{key}: {rate}" for key, rate in rates.items()),
    }[claim.name]
