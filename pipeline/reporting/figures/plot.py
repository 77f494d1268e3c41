"""One look for every figure, and files whose bytes depend on the data alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from pipeline.base.files import atomic_file

COLUMN = 3.4
"""Width in inches of one column of the paper."""
DPI = 160
OKABE_ITO = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
}
"""Colours that stay apart for colour-blind readers (Okabe and Ito 2008)."""
METHOD_COLOURS = {"bloctrain": OKABE_ITO["blue"], "bloctrain_base": OKABE_ITO["orange"], "end_to_end": OKABE_ITO["green"]}
METHOD_MARKERS = {"bloctrain": "o", "bloctrain_base": "s", "end_to_end": "^"}
PAPER = {"color": OKABE_ITO["red"], "linestyle": "--", "linewidth": 1.1}
"""How the paper's values are drawn, everywhere."""
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.markersize": 4,
    "lines.linewidth": 1.2,
    "svg.hashsalt": "bloctrain",
}


@dataclass(frozen=True)
class Drawn:
    """A finished figure, its caption, and a text for readers who cannot see it."""

    figure: Figure
    caption: str
    alt: str


def new_figure(rows: int = 1, columns: int = 1, height: float = 2.4) -> tuple[Figure, list[Axes]]:
    """A column-wide figure and its axes, row by row. Call it, and draw, inside `style()`."""
    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def style() -> Any:
    """Context in which figures are drawn and saved."""
    return mpl.rc_context(STYLE)


def legend(figure: Figure, axes: Sequence[Axes], columns: int = 2) -> None:
    """One legend above the axes, outside them; each label once."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        figure.legend(list(found.values()), list(found), loc="outside upper center", ncols=columns)


def label_bars(axis: Axes, bars: BarContainer, form: str) -> None:
    """Each bar's value above it, so that a bar too low to see is read as one."""
    axis.bar_label(bars, fmt=form, fontsize=6, padding=1)
    axis.margins(y=0.12)


def grouped_bars(
    axis: Axes, groups: Sequence[str], series: Mapping[str, Sequence[float]], colours: dict[str, str], form: str = ""
) -> None:
    """Bars side by side: `series[label][i]` over `groups[i]`, with their values where `form` says how to write them."""
    width = 0.8 / len(series)
    for position, (label, values) in enumerate(series.items()):
        shift = (position - (len(series) - 1) / 2) * width
        places = [i + shift for i in range(len(groups))]
        bars = axis.bar(places, values, width * 0.92, label=label, color=colours[label])
        if form:
            label_bars(axis, bars, form)
    axis.set_xticks(range(len(groups)), groups)
    axis.grid(visible=False, axis="x")


def paper_line(axis: Axes, value: float, label: str, style: str = "--") -> None:
    """The paper's value as a labelled dashed line."""
    axis.axhline(value, label=label, **{**PAPER, "linestyle": style})  # type: ignore[arg-type]


def save(folder: Path, name: str, drawn: Drawn) -> None:
    """Write `<name>.png` and `<name>.svg`, without dates or program versions."""
    with atomic_file(folder / f"{name}.png") as path:
        drawn.figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    with atomic_file(folder / f"{name}.svg") as path:
        drawn.figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
