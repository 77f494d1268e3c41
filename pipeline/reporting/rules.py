"""One rule per claim of the paper: claim id -> function of the results. Section by section, as in claims.yaml."""

from collections.abc import Callable

from pipeline.reporting.facts import (
    DIRECTION,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    Facts,
    Finding,
    numeric,
    parameter_overhead,
    percent,
)
from pipeline.reporting.paper import Claim
from pipeline.reporting.scale import TEST_PICKED

Rule = Callable[[Facts, Claim], Finding]

ACCURACY_POINTS = 1.0
"""Trainings that differ in seed and in what the paper leaves open (initialisation, gamma, theta_high) lie about so far apart."""
GAIN_POINTS = 0.75
"""The paper says "roughly" of its gains over end-to-end: half of the smaller of the two gains."""
STD_POINTS = 0.5
"""Of a standard deviation over ten classes: about its own sampling error."""
RATIO = 0.10
"""Relative, of compute and memory ratios: the figure that gives the layers is not in the text."""
CLASSES = 0.10
"""Share of the data set's classes that may fall on the other side of the threshold."""
EXTRA_POINTS = 3.0
"""Of BlocTrain-base's extra compute in percent: it follows the exit shares, which vary with the training."""
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
    if wanted is not None and not _gives(facts, wanted):
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
        images = facts.results.images("test")
        words = f"{words}: {percent(more)} against {percent(less)} is within one standard error of {images} test images"
    return numeric(facts, claim, near and sign >= 0, None if sign == 0 else sign > 0, text, words)


def hardness_threshold(facts: Facts, claim: Claim) -> Finding:
    low, high = facts.band("b1")
    text = f"{percent(low)} to {percent(high)} give this partition ({facts.results.params.partition.metric})"
    return numeric(facts, claim, _gives(facts, claim.value), None, text, "")


def _gives(facts: Facts, threshold: float) -> bool:
    """Whether a threshold in percent gives b1's partition: a class at or below the threshold is hard."""
    low, high = facts.band("b1")
    return low <= threshold / 100 < high


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


def memory_reduction(pick: Callable[..., float]) -> Rule:
    def rule(facts: Facts, claim: Claim) -> Finding:
        reductions = facts.summary["efficiency"]["training_memory_reduction"]
        if not reductions:
            return Finding("", NOT_TESTABLE, "no block was built")
        ours = pick(reductions.values())
        words = "training any block needs less memory than training end-to-end"
        return _ratio(facts, claim, ours, min(reductions.values()) > 1, words)

    return rule


def memory_order(facts: Facts, claim: Claim) -> Finding:
    rows = facts.results.by_block(facts.results.memory, "bloctrain")
    totals = [rows[b.key]["total_mb"] for b in facts.results.built if b.key in rows]
    text = ", ".join(f"{total:.3g} MB" for total in totals)
    if len(totals) < 3:
        return Finding(text, NOT_TESTABLE, "fewer than three blocks were built")
    return _statement(facts, claim, text, totals[0] > totals[2] > totals[1], str(claim.value))


def compute_efficiency(facts: Facts, claim: Claim) -> Finding:
    wanted = claim.fields.get("hardness_threshold")
    ours = _at(facts, claim, "compute_efficiency", "compute")
    if ours is None:
        return Finding("", NOT_TESTABLE, f"inference.sweep has no theta_conf {claim.fields['theta_conf']}")
    if wanted is not None and not _gives(facts, wanted):
        return Finding(f"{ours:.2f}", NOT_TESTABLE, f"this run's partition is not that of a threshold of {wanted} %")
    return _ratio(facts, claim, ours, ours > 1, "early exit needs fewer operations than end-to-end")


def memory_overhead(facts: Facts, claim: Claim) -> Finding:
    ours = _at(facts, claim, "memory_overhead", "memory_overhead")
    if ours is None:
        return Finding("", NOT_TESTABLE, f"inference.sweep has no theta_conf {claim.fields['theta_conf']}")
    return _ratio(facts, claim, ours, ours > 1, "the classifiers cost memory over end-to-end")


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
        return _ratio(facts, claim, row[column], holds, f"{at} for {100 * drop:.2f} points of test accuracy")

    return rule


def base_extra_compute(facts: Facts, claim: Claim) -> Finding:
    ours = 100 * facts.summary["efficiency"]["base_extra_compute"]
    near = abs(ours - claim.value) <= EXTRA_POINTS and ours > 0
    words = "BlocTrain-base needs more synaptic operations than BlocTrain"
    return numeric(facts, claim, near, ours > 0, f"{ours:+.1f} %", words)


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
        images = facts.results.images("test")
        return Finding(text, NOT_TESTABLE, f"a difference is within one standard error of {images} test images")
    return _statement(facts, claim, text, True, str(claim.value))


def _statement(facts: Facts, claim: Claim, text: str, holds: bool, words: str) -> Finding:
    """An order rather than a number: at the paper's scale it is reproduced if it holds."""
    if not holds:
        return Finding(text, NOT_REPRODUCED, f"does not hold: {words}")
    return Finding(text, REPRODUCED if facts.at_paper_scale(claim) else DIRECTION, f"holds: {words}")


def _ratio(facts: Facts, claim: Claim, ours: float, holds: bool, words: str) -> Finding:
    near = isinstance(claim.value, int | float) and abs(ours / claim.value - 1) <= RATIO
    return numeric(facts, claim, near and holds, holds, f"{ours:.2f}", words)


def accuracy_without_residuals(facts: Facts, claim: Claim) -> Finding:
    ours = facts.accuracy("bloctrain")
    near = abs(100 * ours - claim.value) <= ACCURACY_POINTS
    return numeric(facts, claim, near, None, percent(ours), "compares two networks; a run has one of them")


def hard_at_thresholds(facts: Facts, claim: Claim) -> Finding:
    accuracy = facts.results.blocks[0].accuracy[facts.results.params.partition.metric]
    ours = {threshold: int((accuracy <= threshold / 100).sum()) for threshold in claim.value}
    near = all(abs(ours[t] - count) <= CLASSES * len(accuracy) for t, count in claim.value.items())
    return numeric(facts, claim, near, None, ", ".join(f"{t}: {count}" for t, count in ours.items()), "")


def parameters(facts: Facts, claim: Claim) -> Finding:
    ours = parameter_overhead(facts.results)
    bound = float(str(claim.value).removeprefix("above "))
    return numeric(facts, claim, ours > bound, ours > 1, f"{ours:.2f}", "the classifiers cost parameters over end-to-end")


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
