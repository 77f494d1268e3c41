"""Figures 5 and 6: accuracy, memory, compute and time, by depth and by confidence threshold."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.reporting.facts import Facts
from pipeline.reporting.plot import (
    METHOD_COLOURS,
    METHOD_MARKERS,
    Drawn,
    grouped_bars,
    label_bars,
    legend,
    new_figure,
    paper_line,
)
from pipeline.reporting.results import METHODS, NAMES
from pipeline.reporting.scale import Reference

LABELLED = {NAMES[method]: colour for method, colour in METHOD_COLOURS.items()}


def figure_5a(facts: Facts, paper: Reference) -> Drawn:
    """Test accuracy of the first 1, 2, ... blocks."""
    figure, (axis,) = new_figure(height=3.0)
    words = []
    for method in METHODS:
        values = facts.by_depth(method)
        _line(axis, method, list(values), [100 * value for value in values.values()])
        words.append(f"{NAMES[method]}: " + ", ".join(f"{100 * value:.1f} %" for value in values.values()))
    for name, method, mark in (("accuracy_bloctrain", "BlocTrain", "--"), ("accuracy_base", "BlocTrain-base", ":")):
        if (value := paper.value(name)) is not None:
            paper_line(axis, value, f"{method}, {paper.label}", mark)
    _depth_axis(axis, facts)
    axis.set_ylabel("test accuracy (%)")
    legend(figure, [axis], columns=1)
    caption = "Figure 5A. Test accuracy against depth." + " The paper's values are those of its full depth." * bool(paper.section)
    return Drawn(figure, caption, f"By depth, {'; '.join(words)}.")


def figure_5b(facts: Facts, paper: Reference) -> Drawn:
    """Memory of training each block against end-to-end of the same depth, and the reduction against the deepest."""
    figure, axes = new_figure(2, 1, height=4.0)
    keys = list(facts.results.params.blocks)
    rows = {method: facts.results.by_block(facts.results.memory, method) for method in ("bloctrain", "end_to_end")}
    series = {NAMES[m]: [number(rows[m].get(key), "total_mb") for key in keys] for m in rows}
    grouped_bars(axes[0], _depths(keys), series, LABELLED)
    axes[0].set_ylabel("training memory (MB)")
    reduction = facts.summary["efficiency"]["training_memory_reduction"]
    bars = axes[1].bar(range(len(keys)), [reduction.get(key, 0.0) for key in keys], 0.5, color=METHOD_COLOURS["bloctrain"])
    label_bars(axes[1], bars, "{:.2f}")
    axes[0].set_xlabel("network so far, its last block in training or all of it")
    axes[1].set_xticks(range(len(keys)), keys)
    axes[1].set_ylabel("reduction\n(end-to-end / own)")
    axes[1].set_xlabel("block in training")
    axes[1].grid(visible=False, axis="x")
    for name, word, mark in (("min", "smallest", ":"), ("max", "largest", "--")):
        if (value := paper.value(f"training_memory_reduction_{name}")) is not None:
            paper_line(axes[1], value, f"{word}, {paper.label}", mark)
    legend(figure, axes, columns=1)
    caption = (
        "Figure 5B. Memory of backpropagation through time for one mini-batch. BlocTrain: for training the last block named. "
        "Below: how many times less than end-to-end training of the full depth."
    )
    words = ", ".join(f"{key} {value:.2f}" for key, value in reduction.items())
    return Drawn(figure, caption, f"Reduction of training memory: {words}.")


def figure_5c(facts: Facts, paper: Reference) -> Drawn:
    """Seconds per epoch to train up to a depth: BlocTrain's blocks so far added up, end-to-end at once."""
    figure, (axis,) = new_figure()
    keys = list(facts.results.params.blocks)
    words = []
    for method in METHODS:
        rows = facts.results.by_block(facts.results.times, method)
        values = [number(rows.get(key), "median_seconds_per_epoch") for key in keys]
        built = len(facts.results.built) if method == "bloctrain" else len(keys)
        if method != "end_to_end":
            values = [sum(values[: i + 1]) for i in range(built)]
        _line(axis, method, keys[: len(values)], values)
        words.append(f"{NAMES[method]}: " + ", ".join(f"{value:.3g} s" for value in values))
    _depth_axis(axis, facts)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("training time (s per epoch)")
    legend(figure, [axis], columns=2)
    caption = (
        "Figure 5C. Training time per epoch against depth, on this machine: block-wise methods summed over the blocks so far, "
        "end-to-end for the whole network. The paper states no time in seconds."
    )
    return Drawn(figure, caption, f"By depth, {'; '.join(words)}.")


def figure_6a(facts: Facts, paper: Reference) -> Drawn:
    """Accuracy and compute efficiency against the confidence threshold."""
    figure, axes = new_figure(2, 1, height=4.2)
    _sweep(axes[0], facts, "accuracy", 100.0)
    axes[0].set_ylabel("test accuracy (%)")
    _sweep(axes[1], facts, "compute_efficiency", 1.0)
    axes[1].set_ylabel("compute efficiency\n(end-to-end / own)")
    if (value := paper.value("accuracy_bloctrain")) is not None:
        paper_line(axes[0], value, f"{paper.label}, {_theta(paper)}")
    _paper_pair(axes[1], paper, "compute_efficiency")
    _theta_axis(axes, facts)
    legend(figure, axes, columns=1)
    caption = (
        "Figure 6A. Test accuracy and compute efficiency (operations of the end-to-end network over own) against theta_conf."
    )
    return Drawn(figure, caption, _sweep_text(facts, "compute_efficiency", "compute efficiency"))


def figure_6b(facts: Facts, paper: Reference) -> Drawn:
    """Memory per inference against the confidence threshold."""
    figure, axes = new_figure(height=2.7)
    _sweep(axes[0], facts, "memory_overhead", 1.0)
    axes[0].set_ylabel("memory overhead\n(own / end-to-end)")
    _paper_pair(axes[0], paper, "inference_memory_overhead")
    _theta_axis(axes, facts)
    legend(figure, axes, columns=1)
    caption = "Figure 6B. Memory per inference, relative to the end-to-end network, against theta_conf."
    return Drawn(figure, caption, _sweep_text(facts, "memory_overhead", "memory overhead"))


def _line(axis: Axes, method: str, keys: list[str], values: list[float]) -> None:
    places = range(len(keys))
    axis.plot(places, values, marker=METHOD_MARKERS[method], color=METHOD_COLOURS[method], label=NAMES[method])


def _depths(keys: list[str]) -> list[str]:
    return [key if i == 0 else f"b1 to {key}" for i, key in enumerate(keys)]


def _depth_axis(axis: Axes, facts: Facts) -> None:
    keys = list(facts.results.params.blocks)
    axis.set_xticks(range(len(keys)), _depths(keys))
    axis.set_xlim(-0.3, len(keys) - 0.7)
    axis.set_xlabel("blocks")
    axis.yaxis.set_major_locator(MaxNLocator(6))


def _sweep(axis: Axes, facts: Facts, column: str, factor: float) -> None:
    """One line per block-wise method over the sweep's thresholds, in equal steps."""
    thetas = _thetas(facts)
    for method in METHODS[:2]:
        rows = {
            row["theta_conf"]: row[column] for row in facts.results.tradeoff if (row["method"], row["split"]) == (method, "test")
        }
        known = [i for i, theta in enumerate(thetas) if rows.get(theta) is not None]
        values = [factor * rows[thetas[i]] for i in known]
        axis.plot(known, values, marker=METHOD_MARKERS[method], color=METHOD_COLOURS[method], label=NAMES[method])
    axis.margins(y=0.15)


def _thetas(facts: Facts) -> list[float]:
    return sorted({row["theta_conf"] for row in facts.results.tradeoff if row["split"] == "test"})


def _theta_axis(axes: list[Axes], facts: Facts) -> None:
    thetas = _thetas(facts)
    for axis in axes:
        axis.set_xticks(range(len(thetas)), [f"{theta:.10g}" for theta in thetas], rotation=45, ha="right")
        axis.label_outer(remove_inner_ticks=False)
    axes[-1].set_xlabel("confidence threshold theta_conf (equal steps)")


def _paper_pair(axis: Axes, paper: Reference, name: str) -> None:
    """The paper's ratio at its own threshold, and at the relaxed one, whose theta_conf it does not state."""
    if (value := paper.value(name)) is not None:
        paper_line(axis, value, f"{paper.label}, {_theta(paper)}")
    if (value := paper.value(f"{name}_relaxed")) is not None:
        drop = paper.field(f"{name}_relaxed", "accuracy_drop_below")
        paper_line(axis, value, f"{paper.label}, drop < {drop} points", ":")


def _theta(paper: Reference) -> str:
    theta = paper.field("accuracy_bloctrain", "theta_conf")
    return "as stated" if theta is None else f"theta_conf {theta:g}"


def _sweep_text(facts: Facts, column: str, words: str) -> str:
    rows = facts.sweep("test")
    return "; ".join(
        f"theta_conf {row['theta_conf']:.10g}: accuracy {100 * row['accuracy']:.1f} %, {words} {row[column]:.2f}" for row in rows
    )


def number(row: dict[str, Any] | None, column: str) -> float:
    """A cell, 0 where the row or the cell is missing."""
    return 0.0 if row is None or row[column] is None else float(row[column])
