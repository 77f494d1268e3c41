"""Figures 5, 6, 10A (10B for ResNet-11) and 11: accuracy, memory, compute and time, by depth and by confidence threshold."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.analysis import plot
from pipeline.analysis.table import NAMES
from pipeline.base.folders import BLOCK_WISE
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.results import by_block, seconds_per_epoch

OWN = plot.METHOD_COLOURS["bloctrain"]
PAPER_BATCH = 60
"""Section 6.4.2: what the GPU's memory left to end-to-end training where BlocTrain took 64 images."""


def figure_5a(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 5A. Test accuracy against depth.{full_depth}"""
    _, (axis,) = plot.new_figure(height=3.0)
    depths = {method: facts.by_depth(method) for method in facts.results.methods}
    series = {method: {key: 100 * value for key, value in reached.items()} for method, reached in depths.items()}
    _depth_lines(axis, facts, series)
    plot.paper_line(axis, paper.value("accuracy_bloctrain"), f"BlocTrain, {paper.label}")
    plot.paper_line(axis, paper.value("accuracy_base"), f"BlocTrain-base, {paper.label}", ":")
    axis.set_ylabel("test accuracy (%)")
    full_depth = " The paper's values are those of its full depth." * bool(paper.section)
    return plot.finish([axis], f"By depth, {_listed(series, '{:.1f} %')}.", full_depth=full_depth)


def figure_5b(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 5B. Memory of backpropagation through time for one mini-batch. BlocTrain: for training the last block named. Below:
    how many times less than end-to-end training of the full depth."""
    _, axes = plot.new_figure(2, 1, height=4.0)
    keys = list(facts.results.params.blocks)
    rows = {method: by_block(facts.results.memory, method) for method in ("bloctrain", "end_to_end")}
    totals = {method: [float(of[key]["total_mb"]) if key in of else 0.0 for key in keys] for method, of in rows.items()}
    plot.grouped_bars(axes[0], _depths(facts), totals)
    axes[0].set(ylabel="training memory (MB)", xlabel="network so far, its last block in training or all of it")
    reduction = facts.summary["efficiency"]["training_memory_reduction"]
    plot.bars(axes[1], keys, [reduction.get(key, 0.0) for key in keys], 0.5, OWN, "{:.2f}")
    axes[1].set(ylabel="reduction\n(end-to-end / own)", xlabel="block in training")
    plot.paper_line(axes[1], paper.value("training_memory_reduction_min"), f"smallest, {paper.label}", ":")
    plot.paper_line(axes[1], paper.value("training_memory_reduction_max"), f"largest, {paper.label}")
    words = ", ".join(f"{key} {value:.2f}" for key, value in reduction.items())
    return plot.finish(axes, f"Reduction of training memory: {words}.")


def figure_5c(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 5C. Training time per epoch against depth, on this machine: block-wise methods summed over the blocks so far, each
    with its share of the forward pass that makes the next block's features, end-to-end for the whole network. The paper states no
    time in seconds."""
    _, (axis,) = plot.new_figure()
    keys, series = list(facts.results.params.blocks), {}
    for method in facts.results.methods:
        seconds = _epoch_seconds(facts, method)
        trained = keys[: len(facts.results.built)] if method == "bloctrain" else [key for key in keys if seconds[key]]
        series[method] = {
            key: sum(list(seconds.values())[: keys.index(key) + 1]) if method in BLOCK_WISE else seconds[key] for key in trained
        }
    _depth_lines(axis, facts, series)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("training time (s per epoch)")
    return plot.finish([axis], f"By depth, {_listed(series, '{:.3g} s')}.", 2)


def figure_6a(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 6A. Test accuracy and compute efficiency (operations of the end-to-end network over own) against theta_conf."""
    _, axes = plot.new_figure(2, 1, height=4.2)
    _sweep(axes[0], facts, "accuracy", 100.0, "test accuracy (%)")
    _sweep(axes[1], facts, "compute_efficiency", 1.0, "compute efficiency\n(end-to-end / own)")
    plot.paper_line(axes[0], paper.value("accuracy_bloctrain"), f"{paper.label}, {_theta(paper)}")
    _paper_pair(axes[1], paper, "compute_efficiency")
    return plot.finish(axes, _sweep_text(facts, "compute_efficiency", "compute efficiency"))


def figure_6b(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 6B. Memory per inference, relative to the end-to-end network, against theta_conf."""
    _, axes = plot.new_figure(height=2.7)
    _sweep(axes[0], facts, "memory_overhead", 1.0, "memory overhead\n(own / end-to-end)")
    _paper_pair(axes[0], paper, "inference_memory_overhead")
    return plot.finish(axes, _sweep_text(facts, "memory_overhead", "memory overhead"))


def figure_10a(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 10{panel}. Training time per epoch of each block on this machine, with its share of the forward pass that makes the
    next block's features. BlocTrain-base trains every block on all classes."""
    _, (axis,) = plot.new_figure()
    series = {method: list(_epoch_seconds(facts, method).values()) for method in BLOCK_WISE}
    plot.grouped_bars(axis, list(facts.results.params.blocks), series)
    axis.set(ylabel="training time (s per epoch)", xlabel="block")
    panel = "B" if paper.section == "cifar100_resnet11" else "A"
    return plot.finish([axis], f"By block, {plot.listed(series, '{:.3g} s')}.", 2, panel=panel)


def figure_11a(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 11A. Training time per epoch, summed over the blocks, relative to end-to-end at the same batch size.{note}"""
    _, (axis,) = plot.new_figure(height=2.2)
    ratio, value = facts.summary["training_time_ratio"], paper.value("training_time_same_batch")
    plot.bars(axis, [NAMES["bloctrain"]], [ratio], 0.5, OWN, "{:.2f}")
    axis.containers[0].set_label("this run, this machine")
    axis.axhline(1.0, color=plot.OKABE_ITO["black"], linewidth=0.8, label="as long as end-to-end")
    plot.paper_line(axis, value, f"{paper.label}, their GPU")
    axis.set(xlim=(-0.8, 0.8), ylim=(0, 1.2 * max(ratio, value or 0, 1.0)), ylabel="training time\n(ratio to end-to-end)")
    cached = facts.results.params.features.mode == "cached"
    note = " The spikes of earlier blocks are cached here, which is counted; the paper recomputes them." * cached
    return plot.finish([axis], f"Ratio {ratio:.2f} on this machine.", note=note)


def figure_11b(facts: Facts, paper: Reference) -> plot.Drawn:
    """Figure 11B, its premise: in the {budget:.3g} MB that training BlocTrain's largest block takes with {batch} images
    (counted), end-to-end training fits {allowed}. The paper measures on a GPU what smaller batches cost in time; that is not done
    here."""
    _, (axis,) = plot.new_figure(height=2.4)
    batch, memory = facts.results.params.training.batch_size, facts.results.memory
    whole = by_block(memory, "end_to_end")[facts.results.params.deepest]
    budget = max(row["total_mb"] for row in by_block(memory, "bloctrain").values())
    allowed = max(0, int((budget - whole["weights_mb"]) / (whole["state_mb"] / batch)))
    methods, stated = ("bloctrain", "end_to_end"), PAPER_BATCH if paper.section else None
    plot.bars(axis, [NAMES[m] for m in methods], [batch, allowed], 0.5, [plot.METHOD_COLOURS[m] for m in methods])
    axis.bar_label(axis.containers[0], fmt="%d", fontsize=7)  # type: ignore[arg-type]
    plot.paper_mark(axis, 1, stated, f"{paper.label}, their GPU", reach=0.3)
    axis.set(xlim=(-0.6, 1.6), ylim=(0, 1.2 * max(batch, allowed, stated or 0)), ylabel="images per mini-batch")
    return plot.finish(
        [axis], f"BlocTrain {batch} images, end-to-end {allowed} in the same memory.", budget=budget, batch=batch, allowed=allowed
    )


def _epoch_seconds(facts: Facts, method: str) -> dict[str, float]:
    rows = by_block(facts.results.times, method)
    return {key: seconds_per_epoch(rows.get(key)) for key in facts.results.params.blocks}


def _depths(facts: Facts) -> list[str]:
    return [key if i == 0 else f"b1 to {key}" for i, key in enumerate(facts.results.params.blocks)]


def _depth_lines(axis: Axes, facts: Facts, series: dict[str, dict[str, float]]) -> None:
    """A line per method through its values by block."""
    keys, names = list(facts.results.params.blocks), _depths(facts)
    for method, values in series.items():
        plot.method_line(axis, method, [keys.index(key) for key in values], list(values.values()))
    axis.set_xticks(range(len(names)), names)
    axis.set(xlim=(-0.3, len(names) - 0.7), xlabel="blocks")
    axis.yaxis.set_major_locator(MaxNLocator(6))


def _listed(series: dict[str, dict[str, float]], form: str) -> str:
    return plot.listed({method: list(values.values()) for method, values in series.items()}, form)


def _sweep(axis: Axes, facts: Facts, column: str, factor: float, label: str) -> None:
    """One line per block-wise method over the sweep's thresholds, in equal steps; only the lowest axis names them."""
    tradeoff = [row for row in facts.results.tradeoff if row["split"] == "test"]
    thetas = sorted({row["theta_conf"] for row in tradeoff})
    for method in (method for method in BLOCK_WISE if method in facts.results.methods):
        rows = {row["theta_conf"]: row[column] for row in tradeoff if row["method"] == method}
        known = [i for i, theta in enumerate(thetas) if rows.get(theta) is not None]
        plot.method_line(axis, method, known, [factor * rows[thetas[i]] for i in known])
    axis.margins(y=0.15)
    axis.set_xticks(range(len(thetas)), [f"{theta:.10g}" for theta in thetas], rotation=45, ha="right")
    axis.set(ylabel=label, xlabel="confidence threshold theta_conf (equal steps)")
    axis.label_outer(remove_inner_ticks=False)


def _paper_pair(axis: Axes, paper: Reference, name: str) -> None:
    """The paper's ratio at its own threshold, and at the relaxed one, whose theta_conf it does not state."""
    drop = paper.value(f"{name}_relaxed", "accuracy_drop_below")
    plot.paper_line(axis, paper.value(name), f"{paper.label}, {_theta(paper)}")
    plot.paper_line(axis, paper.value(f"{name}_relaxed"), f"{paper.label}, drop < {drop} points", ":")


def _theta(paper: Reference) -> str:
    theta = paper.value("accuracy_bloctrain", "theta_conf")
    return "as stated" if theta is None else f"theta_conf {theta:g}"


def _sweep_text(facts: Facts, column: str, words: str) -> str:
    return "; ".join(
        f"theta_conf {row['theta_conf']:.10g}: accuracy {100 * row['accuracy']:.1f} %, {words} {row[column]:.2f}"
        for row in facts.own.sweep()
    )
