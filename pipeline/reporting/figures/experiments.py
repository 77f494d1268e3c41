"""The trade-off between accuracy and operations, this run beside the published experiments."""

from typing import Any

from matplotlib.ticker import MaxNLocator

from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures import plot
from pipeline.reporting.figures.curves import COLOURS
from pipeline.reporting.figures.plot import Drawn

MARKERS = "os^Dv*"


def experiments(facts: Facts, paper: Reference) -> Drawn:
    """Test accuracy against compute efficiency over theta_conf: a line per experiment, its end-to-end network at 1."""
    figure, (axis,) = plot.new_figure(height=3.4)
    words = []
    for position, entry in enumerate([facts.own, *facts.others]):
        colour, marker = COLOURS[position % 6], MARKERS[position % len(MARKERS)]
        ordered = sorted(entry.sweep(), key=lambda row: row["compute_efficiency"])
        x, y = [row["compute_efficiency"] for row in ordered], [100 * row["accuracy"] for row in ordered]
        end_to_end = 100 * float(entry.summary["accuracy"]["end_to_end"])
        axis.plot(x, y, marker=marker, color=colour, label=f"BlocTrain, {entry.name}")
        hollow: dict[str, Any] = {"marker": marker, "color": colour, "markerfacecolor": "none", "linestyle": "none"}
        axis.plot([1.0], [end_to_end], markersize=5 + position, **hollow)  # of other sizes, so that none hides another
        words.append(f"{entry.name}: {y[0]:.1f} % at {x[0]:.2f}, {y[-1]:.1f} % at {x[-1]:.2f}, end-to-end {end_to_end:.1f} %")
    efficiency, accuracy = paper.value("compute_efficiency"), paper.value("accuracy_bloctrain")
    if efficiency is not None and accuracy is not None:
        axis.plot([efficiency], [accuracy], "x", color=plot.OKABE_ITO["red"], markersize=6, label=paper.label)
    axis.plot([], [], "o", color="#666666", markerfacecolor="none", markersize=6, label="end-to-end (efficiency 1)")
    axis.set_xlabel("compute efficiency (end-to-end operations / own)")
    axis.set_ylabel("test accuracy (%)")
    axis.yaxis.set_major_locator(MaxNLocator(6))
    axis.margins(0.08)
    plot.legend(figure, [axis], columns=1)
    caption = (
        "Accuracy against operations over the confidence threshold, this run and every published experiment; a filled mark per "
        "threshold, the end-to-end network of the same experiment as an open mark."
    )
    return Drawn(figure, caption, "; ".join(words) + ".")
