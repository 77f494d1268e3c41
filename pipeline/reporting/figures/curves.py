"""Lines over epochs and over thresholds: training curves, and the trade-off of this run beside the published experiments."""

from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.analysis import plot
from pipeline.analysis.table import NAMES
from pipeline.base.files import read_table
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.health import trainings

COLOURS = [plot.OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky", "black", "red")]
MARKERS = "os^Dv*P"
"""One more than there are colours in turn, so that no two of many experiments look alike."""


def training_curves(facts: Facts, paper: Reference) -> plot.Drawn:
    """Training curves. A colour per block (end-to-end: the network whose last block it is); solid on the training images, dashed
    on the validation images. The baselines train on the validation images too, so they have no dashed line; BlocTrain's blocks
    from the third on train on the images of hard classes alone."""
    colours = {key: COLOURS[i % len(COLOURS)] for i, key in enumerate(facts.results.params.blocks)}
    methods = facts.results.methods
    figure, axes = plot.new_figure(len(methods), 2, height=0.7 + 1.5 * len(methods))
    ends = []
    for method, loss, accuracy in zip(methods, axes[::2], axes[1::2], strict=True):
        for key, colour in colours.items():
            history = read_table(facts.results.folders.block(key, method) / "history.csv")  # empty for a block not built
            loss.plot([entry["epoch"] for entry in history], [entry["loss"] for entry in history], color=colour)
            for column, line in (("train_accuracy", "-"), ("validation_accuracy", "--")):
                known = [(entry["epoch"], 100 * entry[column]) for entry in history if entry[column] is not None]
                accuracy.plot([x for x, _ in known], [y for _, y in known], line, color=colour)
            if method == "bloctrain" and history:
                ends.append(f"{key} {history[-1]['loss']:.3g}")
        loss.set(ylabel="loss (log scale)", yscale="log")
        accuracy.set_ylabel("accuracy (%)")
        loss.set_title(NAMES[method], loc="left", fontweight="bold")
        for axis in (loss, accuracy):
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.set_xlabel("epoch" if method == methods[-1] else "")
    handles = [Line2D([], [], color=colour, label=key) for key, colour in colours.items()]
    handles += [Line2D([], [], color="#666666", label="training")]
    handles += [Line2D([], [], color="#666666", linestyle="--", label="validation")]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 3))
    return plot.Drawn(figure, f"Loss and accuracy per epoch. BlocTrain's last losses: {', '.join(ends)}.")


def spike_rates(facts: Facts, paper: Reference) -> plot.Drawn:
    """Spikes per neuron and step after each epoch. A line per layer; its colour is the block that it belongs to."""
    colours = {key: COLOURS[i % len(COLOURS)] for i, key in enumerate(facts.results.params.blocks)}
    known = [training for training in trainings(facts.results) if training.rates]
    methods = [method for method in facts.results.methods if any(training.method == method for training in known)]
    figure, axes = plot.new_figure(1, len(methods), height=2.4)
    for method, axis in zip(methods, axes, strict=True):
        for training in (one for one in known if one.method == method and (method != "end_to_end" or one is known[-1])):
            for layer, rates in training.rates.items():
                axis.plot(range(1, len(rates) + 1), rates, color=colours[layer.partition("_")[0]])
        axis.set_title(NAMES[method], loc="left", fontweight="bold")
        axis.set(xlabel="epoch", ylabel="spikes per neuron and step" if method == methods[0] else "", ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.legend(handles=[Line2D([], [], color=colour, label=key) for key, colour in colours.items()],
                  loc="outside upper center", ncols=len(colours))  # fmt: skip
    last = {layer: rates[-1] for training in known if training.method == "bloctrain" for layer, rates in training.rates.items()}
    return plot.Drawn(figure, "At the end, BlocTrain: " + ", ".join(f"{layer} {rate:.3f}" for layer, rate in last.items()) + ".")


def experiments(facts: Facts, paper: Reference) -> plot.Drawn:
    """Accuracy against operations over the confidence threshold, this run and every published experiment; a filled mark per
    threshold, the end-to-end network of the same experiment as an open mark."""
    entries, words = [facts.own, *facts.others], []
    _, (axis,) = plot.new_figure(height=2.5 + 0.15 * len(entries))  # a line of the legend each
    for position, entry in enumerate(entries):
        colour, marker = COLOURS[position % 6], MARKERS[position % len(MARKERS)]
        ordered = sorted(entry.sweep(), key=lambda row: row["compute_efficiency"])
        x, y = [row["compute_efficiency"] for row in ordered], [100 * row["accuracy"] for row in ordered]
        end_to_end = entry.summary["accuracy"]["end_to_end"]
        axis.plot(x, y, marker=marker, color=colour, label=f"BlocTrain, {entry.name}")
        hollow: dict[str, Any] = {"marker": marker, "color": colour, "markerfacecolor": "none", "linestyle": "none"}
        words.append(f"{entry.name}: {y[0]:.1f} % at {x[0]:.2f}, {y[-1]:.1f} % at {x[-1]:.2f}")
        if end_to_end is not None:
            # Of other sizes, so that none hides another.
            axis.plot([1.0], [100 * end_to_end], markersize=5 + position % 6, **hollow)
            words[-1] += f", end-to-end {100 * end_to_end:.1f} %"
    efficiency, accuracy = paper.value("compute_efficiency"), paper.value("accuracy_bloctrain")
    if efficiency is not None and accuracy is not None:
        axis.plot([efficiency], [accuracy], "x", color=plot.OKABE_ITO["red"], markersize=6, label=paper.label)
    axis.plot([], [], "o", color="#666666", markerfacecolor="none", markersize=6, label="end-to-end (efficiency 1)")
    axis.set(xlabel="compute efficiency (end-to-end operations / own)", ylabel="test accuracy (%)")
    axis.yaxis.set_major_locator(MaxNLocator(6))
    axis.margins(0.08)
    return plot.finish([axis], "; ".join(words) + ".")
