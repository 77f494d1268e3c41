"""The numbers that claims are judged by, by the names that claims.yaml uses."""

from collections.abc import Callable
from typing import Any

from pipeline.base.folders import BLOCK_WISE
from pipeline.partition.hardness import hardness_threshold
from pipeline.partition.params import ThresholdParams
from pipeline.reporting.claims.facts import DEVIATIONS, Facts
from pipeline.reporting.claims.paper import Claim
from pipeline.reporting.summary import look_up

NOT_TRAINED = "the baseline that the claim compares with was not trained"


class Untestable(Exception):
    """The run has no such number, for the reason given."""


class Numbers:
    """A run's numbers for one claim: `this` (the claim's metric, in its unit), those of DERIVED, and those of the summary."""

    def __init__(self, facts: Facts, claim: Claim):
        self.facts, self.claim = facts, claim

    def __getitem__(self, path: str) -> Any:
        """The number at a dotted path. Raises Untestable where this run has none."""
        if path == "this":
            return self._in_unit(self[self.claim.judged["metric"]])
        name, _, rest = path.partition(".")
        found = DERIVED[name](self.facts, self.claim) if name in DERIVED else self.facts.summary.get(name)
        found = look_up(found, rest) if rest else found
        if found is None:
            raise Untestable("a block that the claim speaks of was not built, or a baseline not trained")
        return found

    def _in_unit(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self._in_unit, value))
        return self.claim.times * value if isinstance(value, int | float) else value


def _at_theta(facts: Facts, claim: Claim) -> dict[str, float]:
    """Accuracy, compute and memory at the claim's theta_conf; else at this run's own."""
    theta, efficiency = claim.fields.get("theta_conf"), facts.summary["efficiency"]
    if theta is None or theta == facts.own.scale.theta_conf:
        own = {"accuracy": facts.accuracy("bloctrain"), "compute_efficiency": efficiency["compute"]}
        return own | {"memory_overhead": efficiency["memory_overhead"]}
    if (row := facts.at_theta(theta)) is None:
        raise Untestable(f"inference.sweep has no theta_conf {theta}")
    return row


def _relaxed(facts: Facts, claim: Claim) -> list[dict[str, float]]:
    """The sweep's test rows at theta_conf 1 and at the relaxed threshold, whose cost in validation accuracy the claim allows, and
    that cost."""
    allowed = claim.fields["accuracy_drop_below"] / 100
    full, row = facts.at_theta(1.0), facts.relaxed(allowed)
    if full is None or row is None:
        raise Untestable("inference.sweep has no theta_conf 1 to compare with")
    drop = full["accuracy"] - row["accuracy"]
    return [full, row, {"allowed": allowed, "measured": drop, "points": -100 * drop}]


def _gain(facts: Facts, claim: Claim) -> float:
    if "end_to_end" not in facts.results.methods:
        raise Untestable(NOT_TRAINED)
    return facts.accuracy("bloctrain") - facts.accuracy("end_to_end")


def _paper_memory(facts: Facts, claim: Claim) -> dict[str, Any]:
    """Of the claim's network, counted for accounting.memory_images; `batch` holds the same counted for a mini-batch."""
    wanted, found = facts.results.params.accounting.memory_images, {}
    rows = [row for row in facts.results.paper_memory if (row["network"], row["method"]) == (claim.section, "bloctrain")]
    for images in {row["images"]: None for row in rows}:
        own = [row for row in rows if row["images"] == images]
        reductions = [row["reduction"] for row in own]
        found[images] = {
            "images": "one image" if images == 1 else f"{images} images", "least": min(reductions), "most": max(reductions),
            "mb": {row["block"]: row["total_mb"] for row in own},
        }  # fmt: skip
    return found[wanted] | {"batch": found[max(found)]}


def _parameter_overhead(facts: Facts, claim: Claim) -> dict[str, float]:
    """Parameters of all blocks with their classifiers over those of the deepest end-to-end network, of the claim's network."""
    own = {row["classifiers"]: row["overhead"] for row in facts.results.paper_parameters if row["network"] == claim.section}
    return dict(own) | {"stated": own["as stated"]}


def _class_accuracy(facts: Facts, claim: Claim) -> dict[str, float]:
    accuracy = facts.results.blocks[0].accuracy["one_vs_rest"]
    return {"mean": float(accuracy.mean()), "std": float(accuracy.std())}


def _left(facts: Facts, claim: Claim) -> dict[str, float]:
    shares = dict(facts.summary["exits"])
    return {"at_block_2": shares.pop("b2", 0.0), "elsewhere": max(shares.values())}


def _extra_macs(facts: Facts, claim: Claim) -> float:
    if "bloctrain_base" not in facts.results.methods:
        raise Untestable(NOT_TRAINED)
    own, base = (facts.results.inference[method]["macs_per_image"] for method in BLOCK_WISE)
    return float(100 * (base / own - 1))


def _by_depth(facts: Facts, claim: Claim) -> str:
    if "end_to_end" not in facts.results.methods:
        raise Untestable(NOT_TRAINED)
    own, other = facts.by_depth("bloctrain"), facts.by_depth("end_to_end")
    common = [key for key in own if key in other]
    if not common:
        raise Untestable(NOT_TRAINED)
    return "; ".join(f"{key}: {100 * own[key]:.2f} % against {100 * other[key]:.2f} %" for key in common)


def _hard_at(facts: Facts, claim: Claim) -> dict[float, int]:
    """How many classes after block 1 are hard at each of the paper's thresholds, taken by its standard deviations."""
    accuracy = facts.results.blocks[0].accuracy[facts.own.scale.partition["metric"]]
    relative = {each: ThresholdParams(mode="relative", value=DEVIATIONS[each]) for each in claim.value}
    return {each: int((accuracy <= hardness_threshold(accuracy, how)).sum()) for each, how in relative.items()}


def _studied(facts: Facts, claim: Claim) -> dict[str, dict[str, float]]:
    """Accuracy and compute at the paper's lowest and highest threshold, from the study."""
    found = {name: facts.studied_at(threshold) for name, threshold in (("lowest", min(DEVIATIONS)), ("highest", max(DEVIATIONS)))}
    if None in found.values():
        raise Untestable("no study of the hardness threshold at mean and mean + std (`python -m studies.thresholds 0 0.5 1`)")
    return {
        name: {"accuracy": row["test accuracy"], "compute_efficiency": row["compute efficiency"]}
        for name, row in found.items() if row is not None
    }  # fmt: skip


DERIVED: dict[str, Callable[[Facts, Claim], Any]] = {
    "at_theta": _at_theta,
    "full": lambda facts, claim: _relaxed(facts, claim)[0],
    "relaxed": lambda facts, claim: _relaxed(facts, claim)[1],
    "drop": lambda facts, claim: _relaxed(facts, claim)[2],
    "gain": _gain,
    "band": lambda facts, _: facts.band,
    "class_accuracy": _class_accuracy,
    "classes_of": lambda facts, _: {block.key: len(block.trained_on) for block in facts.results.built},
    "paper_memory": _paper_memory,
    "parameter_overhead": _parameter_overhead,
    "left": _left,
    "extra_macs": _extra_macs,
    "by_depth": _by_depth,
    "hard_at": _hard_at,
    "studied": _studied,
    "hard_at_lowest": lambda facts, claim: _hard_at(facts, claim)[min(claim.value)],
    "hard_at_highest": lambda facts, claim: _hard_at(facts, claim)[max(claim.value)],
    "hard_at_each": lambda facts, claim: ", ".join(f"{at}: {count}" for at, count in _hard_at(facts, claim).items()),
    "setting": lambda facts, _: facts.own.parameters,
    "images": lambda facts, _: {split: facts.results.images(split) for split in ("train", "validation", "test")},
    "learning_rates": lambda facts, _: ", ".join(f"{key}: {rate}" for key, rate in facts.own.scale.learning_rates.items()),
}
"""What a claim may be judged by beside the summary. Accuracies and shares are 0..1."""
