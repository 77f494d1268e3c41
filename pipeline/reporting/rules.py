"""One rule per claim of the paper: claim id -> function of the results. Here those on accuracy and classes; costs: rules_cost."""

from pipeline.reporting.facts import (
    NOT_REPRODUCED,
    NOT_TESTABLE,
    Facts,
    Finding,
    Rule,
    numeric,
    percent,
    statement,
)
from pipeline.reporting.paper import Claim
from pipeline.reporting.rules_cost import (
    base_extra_compute,
    compute_efficiency,
    memory_order,
    memory_overhead,
    memory_reduction,
    parameters,
    relaxed,
    training_time_memory_bound,
    training_time_same_batch,
)
from pipeline.reporting.scale import TEST_PICKED

ACCURACY_POINTS = 1.0
"""Trainings that differ in seed and in what the paper leaves open (initialisation, gamma, theta_high) lie about so far apart."""
GAIN_POINTS = 0.75
"""The paper says "roughly" of its gains over end-to-end: half of the smaller of the two gains."""
STD_POINTS = 0.5
"""Of a standard deviation over ten classes: about its own sampling error."""
CLASSES = 0.10
"""Share of the data set's classes that may fall on the other side of the threshold."""
FLAT_POINTS = 1.0
"""Accuracies no further apart than this are "nearly saturated"."""


def accuracy_bloctrain(facts: Facts, claim: Claim) -> Finding:
    """Where the paper states it for one hardness threshold, only if that threshold gives this run's partition."""
    theta = claim.fields.get("theta_conf", facts.results.params.inference.theta_conf)
    ours = facts.accuracy("bloctrain")
    if theta != facts.results.params.inference.theta_conf and (row := facts.at_theta(theta)):
        ours = float(row["accuracy"])
    elif theta != facts.results.params.inference.theta_conf:
        return Finding("", NOT_TESTABLE, f"inference.sweep has no theta_conf {theta}")
    wanted = claim.fields.get("hardness_threshold")
    if wanted is not None and not facts.gives(wanted):
        return Finding(percent(ours), NOT_TESTABLE, f"this run's partition is not that of a threshold of {wanted} %")
    return numeric(facts, claim, abs(100 * ours - claim.value) <= ACCURACY_POINTS, None, percent(ours), "")


def accuracy_base(facts: Facts, claim: Claim) -> Finding:
    ours, other = facts.accuracy("bloctrain_base"), facts.accuracy("bloctrain")
    near = abs(100 * ours - claim.value) <= ACCURACY_POINTS
    return _ordered(facts, claim, ours, other, near, percent(ours), "BlocTrain-base is more accurate than BlocTrain (6.3)")


def accuracy_gain(facts: Facts, claim: Claim) -> Finding:
    ours, other = facts.accuracy("bloctrain"), facts.accuracy("end_to_end")
    gain = 100 * (ours - other)
    near = abs(gain - claim.value) <= GAIN_POINTS
    return _ordered(facts, claim, ours, other, near, f"{gain:+.2f} points", "BlocTrain is more accurate than end-to-end")


def _ordered(facts: Facts, claim: Claim, more: float, less: float, near: bool, text: str, words: str) -> Finding:
    sign = facts.clearly(more, less)
    if sign == 0:
        words = f"{words}: {percent(more)} against {percent(less)} is within the noise of {_noise(facts, more, less)}"
    return numeric(facts, claim, near and sign >= 0, None if sign == 0 else sign > 0, text, words)


def _noise(facts: Facts, first: float, second: float) -> str:
    source = f"{facts.results.images('test')} test images, {facts.variation.source}"
    return f"{100 * facts.noise(first, second):.2f} points ({source})"


def hardness_threshold(facts: Facts, claim: Claim) -> Finding:
    low, high = facts.band("b1")
    text = f"{percent(low)} to {percent(high)} give this partition ({facts.results.params.partition.metric})"
    return numeric(facts, claim, facts.gives(claim.value), None, text, "")


def class_accuracy_mean(facts: Facts, claim: Claim) -> Finding:
    ours = float(facts.results.blocks[0].accuracy["one_vs_rest"].mean())
    near = abs(100 * ours - claim.value) <= ACCURACY_POINTS
    return numeric(facts, claim, near, None, f"{percent(ours)} (one-vs-rest)", "")


def class_accuracy_std(facts: Facts, claim: Claim) -> Finding:
    ours = float(facts.results.blocks[0].accuracy["one_vs_rest"].std())
    near = abs(100 * ours - claim.value) <= STD_POINTS
    return numeric(facts, claim, near, None, f"{percent(ours)} (one-vs-rest)", "")


def classes_after_block_1(kind: str) -> Rule:
    def rule(facts: Facts, claim: Claim) -> Finding:
        counts = facts.summary["partition"]["b1"]
        near = abs(counts[kind] - claim.value) <= CLASSES * len(facts.results.class_names)
        holds = counts["easy"] > counts["hard"] > 0
        words = f"most classes are easy and some are hard ({counts['easy']} and {counts['hard']})"
        return numeric(facts, claim, near and holds, holds, str(counts[kind]), words)

    return rule


def depth_trend_resnet(facts: Facts, claim: Claim) -> Finding:
    """All three parts of the claim, each beyond noise; a part that is clearly the other way settles it."""
    own, other = facts.by_depth("bloctrain"), facts.by_depth("end_to_end")
    keys = [block.key for block in facts.results.built]
    text = "; ".join(f"{key}: {percent(own[key])} against {percent(other[key])}" for key in keys)
    if len(keys) < 3:
        return Finding(text, NOT_TESTABLE, "fewer than three blocks were built")
    parts = [(other["b1"], own["b1"]), *((own[key], other[key]) for key in keys[1:]), (other["b2"], other["b3"])]
    signs = [facts.clearly(more, less) for more, less in parts]
    return _trend(facts, claim, text, signs)


def depth_trend_vgg(facts: Facts, claim: Claim) -> Finding:
    own = facts.by_depth("bloctrain")
    text = "; ".join(f"{key}: {percent(value)}" for key, value in own.items())
    if len(own) < 3:
        return Finding(text, NOT_TESTABLE, "fewer than three blocks were built")
    values = list(own.values())
    flat = all(abs(100 * (value - values[1])) <= FLAT_POINTS for value in values[2:])
    return _trend(facts, claim, text, [facts.clearly(values[1], values[0]), 1 if flat else -1])


def _trend(facts: Facts, claim: Claim, text: str, signs: list[int]) -> Finding:
    if min(signs) < 0:
        return Finding(text, NOT_REPRODUCED, f"does not hold: {claim.value}")
    if 0 in signs:
        return Finding(text, NOT_TESTABLE, "a difference is within the noise of the test images or of the seeds")
    return statement(facts, claim, text, True, str(claim.value))


def accuracy_without_residuals(facts: Facts, claim: Claim) -> Finding:
    ours = facts.accuracy("bloctrain")
    near = abs(100 * ours - claim.value) <= ACCURACY_POINTS
    return numeric(facts, claim, near, None, percent(ours), "compares two networks; a run has one of them")


def hard_at_thresholds(facts: Facts, claim: Claim) -> Finding:
    accuracy = facts.results.blocks[0].accuracy[facts.results.params.partition.metric]
    ours = {threshold: int((accuracy <= threshold / 100).sum()) for threshold in claim.value}
    near = all(abs(ours[t] - count) <= CLASSES * len(accuracy) for t, count in claim.value.items())
    return numeric(facts, claim, near, None, ", ".join(f"{t}: {count}" for t, count in ours.items()), "")


def classified_at_block_2(facts: Facts, claim: Claim) -> Finding:
    shares = facts.summary["exits"]
    ours = shares.get("b2", 0.0)
    near = 100 * ours > float(str(claim.value).removeprefix("above "))
    holds = ours == max(shares.values())
    return numeric(facts, claim, near, holds, f"{100 * ours:.1f} %", "block 2 classifies more inputs than any other block")


def trained_classes(position: int) -> Rule:
    def rule(facts: Facts, claim: Claim) -> Finding:
        blocks, total = facts.results.blocks, len(facts.results.class_names)
        if len(facts.results.built) < position:
            return Finding("", NOT_TESTABLE, f"b{position} was not built")
        ours, before = len(blocks[position - 1].trained_on), len(blocks[position - 2].trained_on)
        words = f"fewer classes than the block before ({before})"
        note = f"; {TEST_PICKED}" if facts.results.params.partition.source == "test" else ""
        near = abs(ours - claim.value) <= CLASSES * total
        return numeric(facts, claim, near, ours < before, f"{ours}{note}", words)

    return rule


def hard_classes_source(facts: Facts, claim: Claim) -> Finding:
    return Finding(f"the {facts.results.params.partition.source} set", NOT_TESTABLE, "a setting, not a result")


def setting(facts: Facts, claim: Claim) -> Finding:
    return Finding("", NOT_TESTABLE, "a setting, not a result: partition.threshold and what it gives are in the partition table")


RULES: dict[str, Rule] = {
    "cifar10_resnet9.accuracy_bloctrain": accuracy_bloctrain,
    "cifar10_resnet9.accuracy_base": accuracy_base,
    "cifar10_resnet9.accuracy_gain_over_end_to_end": accuracy_gain,
    "cifar10_resnet9.accuracy_without_residuals": accuracy_without_residuals,
    "cifar10_resnet9.hardness_threshold": hardness_threshold,
    "cifar10_resnet9.class_accuracy_mean": class_accuracy_mean,
    "cifar10_resnet9.class_accuracy_std": class_accuracy_std,
    "cifar10_resnet9.easy_classes_after_block_1": classes_after_block_1("easy"),
    "cifar10_resnet9.hard_classes_after_block_1": classes_after_block_1("hard"),
    "cifar10_resnet9.training_memory_reduction_min": memory_reduction(min),
    "cifar10_resnet9.training_memory_reduction_max": memory_reduction(max),
    "cifar10_resnet9.training_memory_order": memory_order,
    "cifar10_resnet9.compute_efficiency": compute_efficiency,
    "cifar10_resnet9.inference_memory_overhead": memory_overhead,
    "cifar10_resnet9.compute_efficiency_relaxed": relaxed("compute_efficiency", 1, "a relaxed theta_conf saves operations"),
    "cifar10_resnet9.inference_memory_overhead_relaxed": relaxed("memory_overhead", -1, "a relaxed theta_conf saves memory"),
    "cifar10_resnet9.base_extra_compute": base_extra_compute,
    "cifar10_resnet9.training_time_same_batch": training_time_same_batch,
    "cifar10_resnet9.training_time_memory_bound": training_time_memory_bound,
    "cifar10_resnet9.depth_trend": depth_trend_resnet,
    "cifar100_resnet11.accuracy_bloctrain": accuracy_bloctrain,
    "cifar100_resnet11.accuracy_lowest_threshold": accuracy_bloctrain,
    "cifar100_resnet11.accuracy_base": accuracy_base,
    "cifar100_resnet11.accuracy_gain_over_end_to_end": accuracy_gain,
    "cifar100_resnet11.hardness_thresholds": setting,
    "cifar100_resnet11.hard_classes_after_block_1": hard_at_thresholds,
    "cifar100_resnet11.compute_efficiency_lowest_threshold": compute_efficiency,
    "cifar100_resnet11.parameter_overhead": parameters,
    "cifar100_resnet11.classified_at_block_2": classified_at_block_2,
    "cifar100_resnet11.base_extra_compute": base_extra_compute,
    "cifar100_resnet11.training_time_same_batch": training_time_same_batch,
    "cifar100_resnet11.training_time_memory_bound": training_time_memory_bound,
    "cifar100_vgg16.accuracy_bloctrain": accuracy_bloctrain,
    "cifar100_vgg16.hard_classes_block_3": trained_classes(3),
    "cifar100_vgg16.hard_classes_block_4": trained_classes(4),
    "cifar100_vgg16.hard_classes_source": hard_classes_source,
    "cifar100_vgg16.depth_trend": depth_trend_vgg,
}
