"""The trade-off between accuracy and operations, this run beside the published experiments."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from pipeline.reporting.facts import Facts
from pipeline.reporting.ledger import Entry
from pipeline.reporting.plot import OKABE_ITO, Drawn, legend, new_figure
from pipeline.reporting.results import Row
from pipeline.reporting.scale import Reference

COLOURS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky", "black")]
MARKERS = "os^Dv*"


def experiments(facts: Facts, paper: Reference, others: Sequence[Entry]) -> Drawn:
    """Test accuracy against compute efficiency over theta_conf: a line per experiment, its end-to-end network at 1."""
    params = facts.results.params
    runs: list[tuple[str, list[Row], float]] = [(params.experiment, facts.sweep("test"), facts.accuracy("end_to_end"))]
    runs += [(entry.name, entry.sweep, float(entry.summary["accuracy"]["end_to_end"])) for entry in others]
    figure, (axis,) = new_figure(height=3.4)
    words = []
    for position, (name, rows, end_to_end) in enumerate(runs):
        colour, marker = COLOURS[position % len(COLOURS)], MARKERS[position % len(MARKERS)]
        ordered = sorted(rows, key=lambda row: row["compute_efficiency"])
        x, y = [row["compute_efficiency"] for row in ordered], [100 * row["accuracy"] for row in ordered]
        axis.plot(x, y, marker=marker, color=colour, label=f"BlocTrain, {name}")
        hollow: dict[str, Any] = {"marker": marker, "color": colour, "markerfacecolor": "none", "linestyle": "none"}
        axis.plot([1.0], [100 * end_to_end], markersize=5 + position, **hollow)  # of other sizes, so that none hides another
        words.append(f"{name}: {y[0]:.1f} % at {x[0]:.2f}, {y[-1]:.1f} % at {x[-1]:.2f}, end-to-end {100 * end_to_end:.1f} %")
    efficiency, accuracy = paper.value("compute_efficiency"), paper.value("accuracy_bloctrain")
    if efficiency is not None and accuracy is not None:
        axis.plot([efficiency], [accuracy], "x", color=OKABE_ITO["red"], markersize=6, label=paper.label)
    axis.plot([], [], "o", color="#666666", markerfacecolor="none", markersize=6, label="end-to-end (efficiency 1)")
    axis.set_xlabel("compute efficiency (end-to-end operations / own)")
    axis.set_ylabel("test accuracy (%)")
    axis.yaxis.set_major_locator(MaxNLocator(6))
    axis.margins(0.08)
    legend(figure, [axis], columns=1)
    caption = (
        "Accuracy against operations over the confidence threshold, this run and every published experiment; a filled mark per "
        "threshold, the end-to-end network of the same experiment as an open mark."
    )
    return Drawn(figure, caption, "; ".join(words) + ".")
