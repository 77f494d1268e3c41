"""Figures 4, 7, 9 and 10C (10D for ResNet-11): which classes are hard, and where the inputs leave."""

import numpy as np
from matplotlib.axes import Axes

from pipeline.analysis import plot
from pipeline.base.folders import BLOCK_WISE
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference

MANY = 20
"""Above this number of classes their names no longer fit below the bars."""
NUMBERED = " #n and \u2026n stand for the class in row n of the table Easy and hard classes."
OWN, RED = plot.METHOD_COLOURS["bloctrain"], plot.OKABE_ITO["red"]
EASY, HARD = plot.OKABE_ITO["sky"], plot.OKABE_ITO["purple"]


def figure_4(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 4. Class-wise {source} accuracy ({metric}) after block 1{mark}, and the hardness threshold: a class at or below it
    is hard. The band spans the thresholds that give this very partition, from the highest hard accuracy to the lowest easy
    one.{numbered}"""
    block, scale, names = facts.results.blocks[0], facts.own.scale, facts.results.class_names
    metric, source = scale.partition["metric"], scale.partition["source"]
    accuracy, threshold = 100 * block.accuracy[metric], 100 * (block.threshold or 0.0)
    order = np.argsort(accuracy, kind="stable") if len(accuracy) > MANY else np.arange(len(accuracy))
    _, (axis,) = plot.new_figure(height=3.1)
    for name, members, colour, hatch in (("easy class", block.easy, EASY, None), ("hard class", block.hard, HARD, "//")):
        places = [i for i, c in enumerate(order) if c in members]
        axis.bar(places, accuracy[order[places]], 0.8, label=name, color=colour, hatch=hatch)
    low, high = (100 * end for end in facts.band)
    axis.axhspan(low, high, color=plot.OKABE_ITO["yellow"], alpha=0.45, zorder=0, label="thresholds that give this partition")
    axis.axhline(threshold, color=plot.OKABE_ITO["black"], linewidth=1.1, label=f"hardness threshold, {threshold:.2f} %")
    stated = paper.value("hardness_threshold") if metric == "one_vs_rest" else None
    plot.paper_line(axis, stated, f"threshold, {paper.label}")
    shown = [float(accuracy.min()), threshold, *([low] if block.hard else []), *([] if stated is None else [stated])]
    span = max(100 - min(shown), 1.0)
    axis.set_ylim(max(0.0, 100 - 1.15 * span), 100 + 0.03 * span)
    axis.set_ylabel(f"{source}\n{metric.replace('_', '-')} (%)")
    _class_axis(axis, names)
    mark = f" ({scale.test_picked})" if scale.test_picked else ""
    hard = ", ".join(names[c] for c in block.hard) or "none"
    numbered = len(names) <= MANY and any(map(_numbered, plot.short_names(names), names, range(1, MANY + 1)))
    alt = f"Bars, one per class, from {accuracy.min():.1f} to {accuracy.max():.1f} %. Hard classes: {hard}. "
    return plot.finish(
        [axis],
        f"{alt}The threshold is {threshold:.2f} %.",
        1 if metric == "one_vs_rest" else 2,
        source=source,
        metric=metric,
        mark=mark,
        numbered=NUMBERED * numbered,
    )


def _numbered(label: str, name: str, number: int) -> bool:
    """Whether a label tells which class it is by the number alone."""
    return label != name and label.endswith((f"#{number}", f"\u2026{number}"))


def _class_axis(axis: Axes, names: list[str]) -> None:
    axis.grid(visible=False, axis="x")
    if len(names) > MANY:
        axis.set(xticks=[], xlabel="classes, least accurate first")
        return
    short = plot.short_names(names)
    long = max(map(len, short)) > 2
    axis.set_xticks(range(len(short)), short, rotation=60 if long else 0, ha="right" if long else "center")
    if long:
        axis.tick_params(axis="x", pad=1)
    axis.set_xlabel("class")


def figure_7(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 7, {which}. A: hard classes after each block. B: share of test inputs classified at each block. C: compute
    efficiency and memory overhead. D: test accuracy.{mark}"""
    runs = _by_threshold(facts)
    keys = [block.key for block in facts.results.blocks]
    _, axes = plot.new_figure(2, 2, height=4.3)
    plot.grouped_bars(axes[0], keys, {name: one["hard"] for name, one in runs.items()})
    axes[0].set(ylabel="hard classes", ylim=(0, max(1, len(facts.results.class_names))))
    plot.grouped_bars(axes[1], keys, {name: one["left"] for name, one in runs.items()}, "{:.0f}" if len(runs) == 1 else "")
    axes[1].set(ylabel="inputs classified (%)", ylim=(0, 112))
    if (share := paper.value("classified_at_block_2")) is not None and len(keys) > 1:
        least = float(str(share).removeprefix("above "))
        axes[1].plot([1], [least], "_", markersize=16, color=RED, label=f"{paper.label} (at least)")
    stated = [paper.value(name) for name in ("compute_efficiency", "inference_memory_overhead")]
    names = ["compute\nefficiency", "memory\noverhead"]
    plot.grouped_bars(axes[2], names, {name: one["ratios"] for name, one in runs.items()})
    for place, value in enumerate(stated):
        plot.paper_mark(axes[2], place, value, paper.label)
    highest = max(value for value in [*stated, *(ratio for one in runs.values() for ratio in one["ratios"])] if value is not None)
    axes[2].set(ylim=(0, 1.15 * highest), ylabel="ratio to end-to-end")
    plot.grouped_bars(axes[3], ["BlocTrain"], {name: one["accuracy"] for name, one in runs.items()}, "{:.1f}")
    axes[3].set(xlim=(-0.7, 0.7), ylim=(0, 105), ylabel="test accuracy (%)")
    plot.paper_line(axes[3], paper.value("accuracy_bloctrain"), paper.label)
    words = "; ".join(
        f"{name}: compute efficiency {one['ratios'][0]:.2f}, accuracy {one['accuracy'][0]:.1f} %" for name, one in runs.items()
    )
    which = f"for {len(runs)} hardness thresholds" if len(runs) > 1 else "for this run's one hardness threshold"
    return plot.finish(axes, f"{_exits_text(facts)} {words}.", mark=_mark(facts), which=which)


def _by_threshold(facts: Facts) -> dict[str, dict[str, list[float]]]:
    """`hard` classes and percent `left` after each block, `ratios` of compute and memory, `accuracy` in percent, by threshold
    where that was studied (`python -m studies.thresholds`), else of this run alone."""
    studied, blocks = [row for row in facts.own.thresholds if "left at" in row], len(facts.results.blocks)
    if len(studied) > 1:
        return {
            f"mean {row['threshold']:+g} std": {
                "hard": _numbers(row["hard classes"], blocks), "left": _numbers(row["left at"], blocks),
                "ratios": [row["compute efficiency"], row["memory overhead"]], "accuracy": [100 * row["test accuracy"]],
            }
            for row in studied
        }  # fmt: skip
    results, efficiency = facts.results, facts.summary["efficiency"]
    return {"bloctrain": {
        "hard": [len(block.hard) for block in results.blocks],
        "left": _shares(results.exits["exit_block"], len(results.blocks)),
        "ratios": [efficiency["compute"], efficiency["memory_overhead"]], "accuracy": [100 * facts.accuracy("bloctrain")],
    }}  # fmt: skip


def _numbers(cell: object, blocks: int) -> list[float]:
    """Those of a study's cell, such as `80 / 41 / 12`; 0 for blocks that were not built."""
    return [*map(float, str(cell).split(" / ")), *[0.0] * blocks][:blocks]


def figure_9(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 9, drawn for this run's network. A: hard classes after each block. B: test accuracy of the network up to each block.
    C: share of test inputs classified at each block.{mark}"""
    _, axes = plot.new_figure(3, 1, height=5.2)
    _hard_classes(axes[0], facts, paper)
    depths = {key: 100 * value for key, value in facts.by_depth("bloctrain").items()}
    axes[1].plot(list(depths), list(depths.values()), "o-", color=OWN)
    axes[1].set_ylabel("test accuracy (%)")
    axes[1].margins(x=0.15, y=0.2)
    plot.paper_line(axes[1], paper.value("accuracy_bloctrain"), f"{paper.label}, full depth", ":")
    _exits(axes[2], facts)
    axes[2].set_xlabel("block")
    words = ", ".join(f"{key} {value:.1f} %" for key, value in depths.items())
    return plot.finish(axes, f"Accuracy by block: {words}. {_exits_text(facts)}", mark=_mark(facts))


def figure_10c(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 10{panel}. Share of test inputs classified at each block, BlocTrain against BlocTrain-base.{mark}"""
    keys = list(facts.results.params.blocks)
    left = dict(zip(BLOCK_WISE, (facts.results.exits, facts.results.base_exits), strict=True))
    series = {method: _shares(exits["exit_block"], len(keys)) for method, exits in left.items()}
    _, (axis,) = plot.new_figure()
    plot.grouped_bars(axis, keys, series, "{:.1f}")
    axis.set(ylabel="inputs classified (%)", xlabel="block", ylim=(0, 110))
    panel = "D" if paper.section == "cifar100_resnet11" else "C"
    return plot.finish([axis], f"By block, {plot.listed(series, '{:.1f} %')}.", 2, mark=_mark(facts), panel=panel)


def _hard_classes(axis: Axes, facts: Facts, paper: Reference) -> None:
    """Hard classes after each block built; the paper's number where it states one."""
    built = facts.results.built
    plot.bars(axis, [block.key for block in built], [len(block.hard) for block in built], 0.6, HARD)
    axis.set(ylabel="hard classes", ylim=(0, max(1, len(facts.results.class_names))))
    first = paper.value("hard_classes_after_block_1") or paper.value("hard_classes_block_3")
    for place, value in enumerate([first, paper.value("hard_classes_block_4")][: len(built)]):
        plot.paper_mark(axis, place, value if isinstance(value, int) else None, paper.label)


def _exits(axis: Axes, facts: Facts) -> None:
    """Percent of test inputs classified at each block of BlocTrain."""
    keys = [block.key for block in facts.results.built]
    plot.bars(axis, keys, _shares(facts.results.exits["exit_block"], len(keys)), 0.6, OWN, "{:.1f}")
    axis.set(ylabel="inputs classified (%)", ylim=(0, 112))


def _shares(exit_block: np.ndarray, blocks: int) -> list[float]:
    """Percent of images that left at block 1, 2, ... `blocks`."""
    return [float(100 * np.mean(exit_block == position)) for position in range(1, blocks + 1)]


def _mark(facts: Facts) -> str:
    return f" {facts.own.scale.test_picked.capitalize()}." if facts.own.scale.test_picked else ""


def _exits_text(facts: Facts) -> str:
    return f"Inputs classified: {', '.join(f'{key} {100 * share:.1f} %' for key, share in facts.summary['exits'].items())}."
