"""Accuracy against computing, by where images may leave."""

from collections.abc import Sequence
from itertools import groupby

from pipeline.analysis import plot
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.results import Row

COLOURS, MARKERS = ("blue", "orange", "green"), "os^"


def anytime(facts: Facts, paper: Reference) -> plot.Drawn:
    """Test accuracy against compute efficiency (operations of the end-to-end network over own) of policies that were chosen on
    validation images, by where images may leave: in depth, in depth and time, or in time alone in the end-to-end network."""
    return drawn(facts.results.policies)


def drawn(policies: Sequence[Row]) -> plot.Drawn:
    """The figure of a table of policies."""
    _, (axis,) = plot.new_figure()
    words = []
    for (family, rows), colour, marker in zip(groupby(policies, lambda row: row["exits_in"]), COLOURS, MARKERS, strict=False):
        ordered = sorted(rows, key=lambda row: row["compute_efficiency"])
        x, y = [row["compute_efficiency"] for row in ordered], [100 * row["accuracy"] for row in ordered]
        axis.plot(x, y, marker=marker, color=plot.OKABE_ITO[colour], label=f"exits in {family}")
        words.append(f"exits in {family}: {y[0]:.1f} % at {x[0]:.2f}, {y[-1]:.1f} % at {x[-1]:.2f}")
    axis.set(xlabel="compute efficiency (end-to-end operations / own)", ylabel="test accuracy (%)")
    axis.margins(0.08)
    return plot.finish([axis], "; ".join(words) + ".", 2)
