"""Figures 4, 7 and 9: which classes are hard, and where the inputs leave."""

import numpy as np
from matplotlib.axes import Axes

from pipeline.reporting.facts import Facts, partition_band
from pipeline.reporting.plot import METHOD_COLOURS, OKABE_ITO, Drawn, grouped_bars, label_bars, legend, new_figure, paper_line
from pipeline.reporting.results import Results
from pipeline.reporting.scale import TEST_PICKED, Reference

MANY = 20
"""Above this number of classes their names no longer fit below the bars."""
EASY, HARD = OKABE_ITO["sky"], OKABE_ITO["purple"]


def figure_4(facts: Facts, paper: Reference) -> Drawn:
    """Class-wise accuracy after block 1, easy and hard classes, and the thresholds that give this partition."""
    results = facts.results
    metric, source = results.params.partition.metric, results.params.partition.source
    block = results.blocks[0]
    accuracy = 100 * block.accuracy[metric]
    order = np.argsort(accuracy, kind="stable") if len(accuracy) > MANY else np.arange(len(accuracy))
    figure, (axis,) = new_figure(height=3.1)
    for name, members, colour in (("easy class", block.easy, EASY), ("hard class", block.hard, HARD)):
        places = [i for i, c in enumerate(order) if c in members]
        axis.bar(places, accuracy[order[places]], 0.8, label=name, color=colour, hatch="//" if name.startswith("hard") else None)
    low, high = (100 * end for end in partition_band(block, metric))
    axis.axhspan(low, high, color=OKABE_ITO["yellow"], alpha=0.45, zorder=0, label="thresholds that give this partition")
    shown = [float(accuracy.min()), *([low] if block.hard else [])]
    if metric == "one_vs_rest" and (threshold := paper.value("hardness_threshold")) is not None:
        paper_line(axis, threshold, f"threshold, {paper.label}")
        shown.append(threshold)
    span = max(100 - min(shown), 1.0)
    axis.set_ylim(max(0.0, 100 - 1.15 * span), 100 + 0.03 * span)
    axis.set_ylabel(f"{source}\n{metric.replace('_', '-')} (%)")
    if len(accuracy) > MANY:
        axis.set_xticks([])
        axis.set_xlabel("classes, least accurate first")
    else:
        names = [_short(name) for name in results.class_names]
        long = max(map(len, names)) > 2
        axis.set_xticks(range(len(names)), names, rotation=60 if long else 0, ha="right" if long else "center")
        if long:
            axis.tick_params(axis="x", pad=1)
        axis.set_xlabel("class")
    axis.grid(visible=False, axis="x")
    legend(figure, [axis], columns=1 if metric == "one_vs_rest" else 2)
    hard = ", ".join(results.class_names[c] for c in block.hard) or "none"
    mark = f" ({TEST_PICKED})" if source == "test" else ""
    caption = (
        f"Figure 4. Class-wise {source} accuracy ({metric}) after block 1{mark}. The band spans the thresholds that give this "
        "very partition, from the highest hard accuracy to the lowest easy one."
    )
    alt = f"Bars, one per class, from {accuracy.min():.1f} to {accuracy.max():.1f} %. Hard classes: {hard}."
    return Drawn(figure, caption, alt)


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}\u2026"


def figure_7(facts: Facts, paper: Reference) -> Drawn:
    """The four panels for this run's one threshold: hard classes, exits, efficiency and overhead, accuracy."""
    results = facts.results
    figure, axes = new_figure(2, 2, height=4.0)
    hard_classes(axes[0], results, paper)
    exits(axes[1], results)
    if (share := paper.value("classified_at_block_2")) is not None and len(results.built) > 1:
        axes[1].plot(
            [1], [float(str(share).removeprefix("above "))], "_", markersize=16, color=OKABE_ITO["red"], label=_above(paper)
        )
    efficiency = facts.summary["efficiency"]
    ratios = [efficiency["compute"], efficiency["memory_overhead"]]
    axes[2].bar([0, 1], ratios, 0.6, color=METHOD_COLOURS["bloctrain"])
    axes[2].set_xticks([0, 1], ["compute\nefficiency", "memory\noverhead"])
    axes[2].set_ylabel("ratio to end-to-end")
    names = ("compute_efficiency", "inference_memory_overhead")
    for place, value in enumerate(paper.value(name) for name in names):
        if value is not None:
            axes[2].plot([place - 0.4, place + 0.4], [value, value], label=paper.label, color=OKABE_ITO["red"], linestyle="--")
    axes[2].set_ylim(0, 1.15 * max(ratios + [v for v in map(paper.value, names) if v is not None]))
    accuracy = 100 * facts.accuracy("bloctrain")
    axes[3].bar([0], [accuracy], 0.5, color=METHOD_COLOURS["bloctrain"])
    axes[3].set_xticks([0], ["BlocTrain"])
    axes[3].set_xlim(-0.7, 0.7)
    axes[3].set_ylim(0, 105)
    axes[3].set_ylabel("test accuracy (%)")
    if (value := paper.value("accuracy_bloctrain")) is not None:
        paper_line(axes[3], value, paper.label)
    for axis, letter in zip(axes, "ABCD", strict=True):
        axis.set_title(letter, loc="left", fontweight="bold")
        axis.grid(visible=False, axis="x")
    legend(figure, axes, columns=1)
    caption = (
        "Figure 7, for this run's one hardness threshold. A: hard classes after each block. B: share of test inputs classified "
        f"at each block. C: compute efficiency and memory overhead. D: test accuracy.{_mark(results)}"
    )
    return Drawn(figure, caption, f"{_exits_text(facts)} Compute efficiency {ratios[0]:.2f}, accuracy {accuracy:.1f} %.")


def figure_9(facts: Facts, paper: Reference) -> Drawn:
    """Hard classes, test accuracy and exits, block by block."""
    results = facts.results
    figure, axes = new_figure(3, 1, height=5.2)
    hard_classes(axes[0], results, paper)
    depths = facts.by_depth("bloctrain")
    axes[1].plot(list(depths), [100 * value for value in depths.values()], "o-", color=METHOD_COLOURS["bloctrain"])
    axes[1].set_ylabel("test accuracy (%)")
    axes[1].margins(x=0.15, y=0.2)
    if (value := paper.value("accuracy_bloctrain")) is not None:
        paper_line(axes[1], value, f"{paper.label}, full depth", ":")
    exits(axes[2], results)
    for axis, letter in zip(axes, "ABC", strict=True):
        axis.set_title(letter, loc="left", fontweight="bold")
    axes[2].set_xlabel("block")
    legend(figure, axes, columns=1)
    caption = (
        "Figure 9, drawn for this run's network. A: hard classes after each block. B: test accuracy of the network up to each "
        f"block. C: share of test inputs classified at each block.{_mark(results)}"
    )
    words = ", ".join(f"{key} {100 * value:.1f} %" for key, value in depths.items())
    return Drawn(figure, caption, f"Accuracy by block: {words}. {_exits_text(facts)}")


def hard_classes(axis: Axes, results: Results, paper: Reference) -> None:
    """Hard classes after each block built; the paper's number after block 1 where it states one."""
    keys = [block.key for block in results.built]
    axis.bar(keys, [len(block.hard) for block in results.built], 0.6, color=HARD)
    axis.set_ylabel("hard classes")
    axis.set_ylim(0, max(1, len(results.class_names)))
    axis.grid(visible=False, axis="x")
    stated = {"b1": paper.value("hard_classes_after_block_1") or paper.value("hard_classes_block_3")}
    stated["b2"] = paper.value("hard_classes_block_4")
    for key, value in stated.items():
        if isinstance(value, int) and key in keys:
            place = keys.index(key)
            axis.plot([place - 0.4, place + 0.4], [value, value], label=paper.label, color=OKABE_ITO["red"], linestyle="--")


def exits(axis: Axes, results: Results) -> None:
    """Percent of test inputs classified at each block of BlocTrain."""
    keys = [block.key for block in results.built]
    bars = axis.bar(keys, shares(results.exits["exit_block"], len(keys)), 0.6, color=METHOD_COLOURS["bloctrain"])
    label_bars(axis, bars, "{:.1f}")
    axis.set_ylabel("inputs classified (%)")
    axis.set_ylim(0, 112)
    axis.grid(visible=False, axis="x")


def shares(exit_block: np.ndarray, blocks: int) -> list[float]:
    """Percent of images that left at block 1, 2, ... `blocks`."""
    return [float(100 * np.mean(exit_block == position)) for position in range(1, blocks + 1)]


def figure_10c(facts: Facts, paper: Reference) -> Drawn:
    """Inputs classified at each block, BlocTrain against BlocTrain-base."""
    results = facts.results
    keys = list(results.params.blocks)
    series = {"BlocTrain": shares(results.exits["exit_block"], len(keys))}
    series["BlocTrain-base"] = shares(results.base_exits["exit_block"], len(keys))
    figure, (axis,) = new_figure()
    colours = {"BlocTrain": METHOD_COLOURS["bloctrain"], "BlocTrain-base": METHOD_COLOURS["bloctrain_base"]}
    grouped_bars(axis, keys, series, colours, "{:.1f}")
    axis.set_ylabel("inputs classified (%)")
    axis.set_xlabel("block")
    axis.set_ylim(0, 110)
    legend(figure, [axis])
    caption = f"Figure 10C. Share of test inputs classified at each block, BlocTrain against BlocTrain-base.{_mark(results)}"
    words = "; ".join(f"{name}: " + ", ".join(f"{value:.1f} %" for value in values) for name, values in series.items())
    return Drawn(figure, caption, f"By block, {words}.")


def _above(paper: Reference) -> str:
    return f"{paper.label} (at least)"


def _mark(results: Results) -> str:
    return f" {TEST_PICKED.capitalize()}." if results.params.partition.source == "test" else ""


def _exits_text(facts: Facts) -> str:
    return "Inputs classified: " + ", ".join(f"{key} {100 * share:.1f} %" for key, share in facts.summary["exits"].items()) + "."
