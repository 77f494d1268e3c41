"""The numbers that claims are judged by, by the names that claims.yaml uses."""

from collections.abc import Callable
from typing import Any

from pipeline.base.files import parameter_count
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Claim
from pipeline.reporting.results import Row
from pipeline.reporting.summary import look_up


class Untestable(Exception):
    """The run has no such number: the message says why. `text` is what it has instead, if anything."""

    def __init__(self, reason: str, text: str = ""):
        super().__init__(reason)
        self.text = text


class Numbers:
    """A run's numbers for one claim. A name is `this` (the claim's own metric, in the claim's unit), one of DERIVED, or a dotted
    path into the summary. Raises Untestable for what this run does not have."""

    def __init__(self, facts: Facts, claim: Claim):
        self.facts, self.claim = facts, claim

    def __getitem__(self, name: str) -> Any:
        if name == "this":
            value = self[self.claim.judged["metric"]]
            return value * self.claim.judged["times"] if "times" in self.claim.judged else value
        found = DERIVED[name](self.facts, self.claim) if name in DERIVED else look_up(self.facts.summary, name)
        if found is None:
            raise Untestable("a block that the claim speaks of was not built")
        return found


Number = Callable[[Facts, Claim], Any]


def _at_theta(column: str, metric: str, show: str, times: float = 1.0) -> Number:
    """A number at the claim's theta_conf, of a partition that the claim's hardness threshold gives; else at this run's own."""

    def number(facts: Facts, claim: Claim) -> float:
        theta, wanted = claim.fields.get("theta_conf"), claim.fields.get("hardness_threshold")
        if theta is None or theta == facts.own.scale.theta_conf:
            value = float(look_up(facts.summary, metric))
        elif (row := facts.at_theta(theta)) is not None:
            value = float(row[column])
        else:
            raise Untestable(f"inference.sweep has no theta_conf {theta}")
        value *= times
        if wanted is not None and not facts.gives(wanted):
            raise Untestable(f"this run's partition is not that of a threshold of {wanted} %", show.format(value))
        return value

    return number


def _relaxed(number: Callable[[Row, Row], float]) -> Number:
    """A number of the sweep's test rows at theta_conf 1 and at the relaxed threshold, whose cost in validation accuracy the claim
    allows."""

    def found(facts: Facts, claim: Claim) -> float:
        full, row = facts.at_theta(1.0), facts.relaxed(claim.fields["accuracy_drop_below"] / 100)
        if full is None or row is None:
            raise Untestable("inference.sweep has no theta_conf 1 to compare with")
        return number(full, row)

    return found


def _classes_of(position: int) -> Number:
    def number(facts: Facts, claim: Claim) -> int:
        if len(facts.results.built) < position:
            raise Untestable(f"b{position} was not built")
        return len(facts.results.blocks[position - 1].trained_on)

    return number


def _extra_macs(facts: Facts, claim: Claim) -> float:
    macs = {method: row["macs_per_image"] for method, row in facts.results.inference.items()}
    return float(100 * (macs["bloctrain_base"] / macs["bloctrain"] - 1))


def _parameter_overhead(facts: Facts, claim: Claim) -> float:
    """Parameters of all blocks with their classifiers over those of the deepest end-to-end network."""
    results, name = facts.results, "block.safetensors"
    own = sum(parameter_count(results.folders.block(block.key) / name) for block in results.built)
    return own / parameter_count(results.folders.block(results.params.deepest, "end_to_end") / name)


def _memory(column: str) -> Callable[[Facts], list[float]]:
    return lambda facts: [row[column] for row in facts.results.paper_memory if row["method"] == "bloctrain"]


_total, _reduction = _memory("total_mb"), _memory("reduction")
DERIVED: dict[str, Number] = {
    "accuracy_at_theta": _at_theta("accuracy", "accuracy.bloctrain", "{:.2f} %", 100),
    "compute_at_theta": _at_theta("compute_efficiency", "efficiency.compute", "{:.2f}"),
    "memory_at_theta": _at_theta("memory_overhead", "efficiency.memory_overhead", "{:.2f}"),
    "accuracy_gain": lambda facts, _: facts.accuracy("bloctrain") - facts.accuracy("end_to_end"),
    "threshold_band": lambda facts, _: tuple(100 * end for end in facts.band),
    "partition_metric": lambda facts, _: facts.results.params.partition.metric,
    "partition_source": lambda facts, _: facts.results.params.partition.source,
    "class_accuracy_mean": lambda facts, _: float(facts.results.blocks[0].accuracy["one_vs_rest"].mean()),
    "class_accuracy_std": lambda facts, _: float(facts.results.blocks[0].accuracy["one_vs_rest"].std()),
    "easy_classes": lambda facts, _: facts.summary["partition"]["b1"]["easy"],
    "hard_classes": lambda facts, _: facts.summary["partition"]["b1"]["hard"],
    "classes_of_block_2": _classes_of(2),
    "classes_of_block_3": _classes_of(3),
    "classes_of_block_4": _classes_of(4),
    "least_memory_reduction": lambda facts, _: min(_reduction(facts)),
    "most_memory_reduction": lambda facts, _: max(_reduction(facts)),
    "memory_by_block": lambda facts, _: _total(facts),
    "memory_of_b1": lambda facts, _: _total(facts)[0],
    "memory_of_b2": lambda facts, _: _total(facts)[1],
    "memory_of_b3": lambda facts, _: _total(facts)[2],
    "relaxed_compute": _relaxed(lambda full, row: row["compute_efficiency"]),
    "relaxed_memory": _relaxed(lambda full, row: row["memory_overhead"]),
    "full_compute": _relaxed(lambda full, row: full["compute_efficiency"]),
    "full_memory": _relaxed(lambda full, row: full["memory_overhead"]),
    "relaxed_theta": _relaxed(lambda full, row: row["theta_conf"]),
    "relaxed_drop": _relaxed(lambda full, row: full["accuracy"] - row["accuracy"]),
    "relaxed_change": _relaxed(lambda full, row: -100 * (full["accuracy"] - row["accuracy"])),
    "allowed_drop": lambda facts, claim: claim.fields["accuracy_drop_below"] / 100,
    "left_at_block_2": lambda facts, _: facts.summary["exits"].get("b2", 0.0),
    "left_elsewhere": lambda facts, _: max(share for key, share in facts.summary["exits"].items() if key != "b2"),
    "extra_macs": _extra_macs,
    "parameter_overhead": _parameter_overhead,
    "both_by_depth": lambda facts, _: {
        block.key: [100 * facts.by_depth(method)[block.key] for method in ("bloctrain", "end_to_end")]
        for block in facts.results.built
    },
}
"""What a claim may be judged by beside the summary. Accuracies and shares 0..1 unless the name's use in claims.yaml says %."""
