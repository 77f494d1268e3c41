"""Figures 5 and 6: accuracy, memory, compute and time, by depth and by confidence threshold."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.base.folders import BLOCK_WISE, METHODS
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures import plot
from pipeline.reporting.figures.plot import Drawn
from pipeline.reporting.results import by_block, seconds_per_epoch


def figure_5a(facts: Facts, paper: Reference) -> Drawn:
    """Test accuracy of the first 1, 2, ... blocks."""
    figure, (axis,) = plot.new_figure(height=3.0)
    series = {method: [100 * value for value in facts.by_depth(method).values()] for method in METHODS}
    for method, values in series.items():
        plot.method_line(axis, method, range(len(values)), values)
    plot.paper_line(axis, paper.value("accuracy_bloctrain"), f"BlocTrain, {paper.label}")
    plot.paper_line(axis, paper.value("accuracy_base"), f"BlocTrain-base, {paper.label}", ":")
    _depth_axis(axis, facts)
    axis.set_ylabel("test accuracy (%)")
    plot.legend(figure, [axis], columns=1)
    caption = "Figure 5A. Test accuracy against depth." + " The paper's values are those of its full depth." * bool(paper.section)
    return Drawn(figure, caption, f"By depth, {plot.listed(series, '{:.1f} %')}.")


def figure_5b(facts: Facts, paper: Reference) -> Drawn:
    """Memory of training each block against end-to-end of the same depth, and the reduction against the deepest."""
    figure, axes = plot.new_figure(2, 1, height=4.0)
    keys = list(facts.results.params.blocks)
    rows = {method: by_block(facts.results.memory, method) for method in ("bloctrain", "end_to_end")}
    totals = {method: [float(of[key]["total_mb"]) if key in of else 0.0 for key in keys] for method, of in rows.items()}
    plot.grouped_bars(axes[0], _depths(keys), totals)
    axes[0].set_ylabel("training memory (MB)")
    axes[0].set_xlabel("network so far, its last block in training or all of it")
    reduction = facts.summary["efficiency"]["training_memory_reduction"]
    plot.bars(axes[1], keys, [reduction.get(key, 0.0) for key in keys], 0.5, plot.METHOD_COLOURS["bloctrain"], "{:.2f}")
    axes[1].set_ylabel("reduction\n(end-to-end / own)")
    axes[1].set_xlabel("block in training")
    plot.paper_line(axes[1], paper.value("training_memory_reduction_min"), f"smallest, {paper.label}", ":")
    plot.paper_line(axes[1], paper.value("training_memory_reduction_max"), f"largest, {paper.label}")
    plot.legend(figure, axes, columns=1)
    caption = (
        "Figure 5B. Memory of backpropagation through time for one mini-batch. BlocTrain: for training the last block named. "
        "Below: how many times less than end-to-end training of the full depth."
    )
    words = ", ".join(f"{key} {value:.2f}" for key, value in reduction.items())
    return Drawn(figure, caption, f"Reduction of training memory: {words}.")


def figure_5c(facts: Facts, paper: Reference) -> Drawn:
    """Seconds per epoch to train up to a depth: the blocks so far added up, end-to-end at once."""
    figure, (axis,) = plot.new_figure()
    series = {method: epoch_seconds(facts, method) for method in METHODS}
    for method, values in series.items():
        if method != "end_to_end":
            built = len(facts.results.built) if method == "bloctrain" else len(values)
            series[method] = [sum(values[: i + 1]) for i in range(built)]
        plot.method_line(axis, method, range(len(series[method])), series[method])
    _depth_axis(axis, facts)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("training time (s per epoch)")
    plot.legend(figure, [axis], columns=2)
    caption = (
        "Figure 5C. Training time per epoch against depth, on this machine: block-wise methods summed over the blocks so far, each "
        "with its share of the forward pass that makes the next block's features, end-to-end for the whole network. The paper "
        "states no time in seconds."
    )
    return Drawn(figure, caption, f"By depth, {plot.listed(series, '{:.3g} s')}.")


def epoch_seconds(facts: Facts, method: str) -> list[float]:
    """`seconds_per_epoch` of every block."""
    rows = by_block(facts.results.times, method)
    return [seconds_per_epoch(rows.get(key)) for key in facts.results.params.blocks]


def figure_6a(facts: Facts, paper: Reference) -> Drawn:
    """Accuracy and compute efficiency against the confidence threshold."""
    figure, axes = plot.new_figure(2, 1, height=4.2)
    _sweep(axes[0], facts, "accuracy", 100.0, "test accuracy (%)")
    _sweep(axes[1], facts, "compute_efficiency", 1.0, "compute efficiency\n(end-to-end / own)")
    plot.paper_line(axes[0], paper.value("accuracy_bloctrain"), f"{paper.label}, {_theta(paper)}")
    _paper_pair(axes[1], paper, "compute_efficiency")
    _theta_axis(axes, facts)
    plot.legend(figure, axes, columns=1)
    caption = (
        "Figure 6A. Test accuracy and compute efficiency (operations of the end-to-end network over own) against theta_conf."
    )
    return Drawn(figure, caption, _sweep_text(facts, "compute_efficiency", "compute efficiency"))


def figure_6b(facts: Facts, paper: Reference) -> Drawn:
    """Memory per inference against the confidence threshold."""
    figure, axes = plot.new_figure(height=2.7)
    _sweep(axes[0], facts, "memory_overhead", 1.0, "memory overhead\n(own / end-to-end)")
    _paper_pair(axes[0], paper, "inference_memory_overhead")
    _theta_axis(axes, facts)
    plot.legend(figure, axes, columns=1)
    caption = "Figure 6B. Memory per inference, relative to the end-to-end network, against theta_conf."
    return Drawn(figure, caption, _sweep_text(facts, "memory_overhead", "memory overhead"))


def _depths(keys: list[str]) -> list[str]:
    return [key if i == 0 else f"b1 to {key}" for i, key in enumerate(keys)]


def _depth_axis(axis: Axes, facts: Facts) -> None:
    keys = list(facts.results.params.blocks)
    axis.set_xticks(range(len(keys)), _depths(keys))
    axis.set_xlim(-0.3, len(keys) - 0.7)
    axis.set_xlabel("blocks")
    axis.yaxis.set_major_locator(MaxNLocator(6))


def _sweep(axis: Axes, facts: Facts, column: str, factor: float, label: str) -> None:
    """One line per block-wise method over the sweep's thresholds, in equal steps."""
    thetas, tradeoff = _thetas(facts), facts.results.tradeoff
    for method in BLOCK_WISE:
        rows = {row["theta_conf"]: row[column] for row in tradeoff if (row["method"], row["split"]) == (method, "test")}
        known = [i for i, theta in enumerate(thetas) if rows.get(theta) is not None]
        plot.method_line(axis, method, known, [factor * rows[thetas[i]] for i in known])
    axis.margins(y=0.15)
    axis.set_ylabel(label)


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
    plot.paper_line(axis, paper.value(name), f"{paper.label}, {_theta(paper)}")
    drop = paper.value(f"{name}_relaxed", "accuracy_drop_below")
    plot.paper_line(axis, paper.value(f"{name}_relaxed"), f"{paper.label}, drop < {drop} points", ":")


def _theta(paper: Reference) -> str:
    theta = paper.value("accuracy_bloctrain", "theta_conf")
    return "as stated" if theta is None else f"theta_conf {theta:g}"


def _sweep_text(facts: Facts, column: str, words: str) -> str:
    return "; ".join(
        f"theta_conf {row['theta_conf']:.10g}: accuracy {100 * row['accuracy']:.1f} %, {words} {row[column]:.2f}"
        for row in facts.own.sweep()
    )
