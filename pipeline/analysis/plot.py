"""One look for every figure, and files whose bytes depend on the data alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

from pipeline.analysis.table import NAMES
from pipeline.base.files import atomic_file

COLUMN, DPI = 3.4, 160
"""Width in inches of one column of the paper, and dots per inch."""
OKABE_ITO = {
    "blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "red": "#D55E00", "purple": "#CC79A7", "sky": "#56B4E9",
    "yellow": "#F0E442", "black": "#000000",
}  # fmt: skip
"""Colours that stay apart for colour-blind readers (Okabe and Ito 2008)."""
NAME_WIDTH = 12
"""Characters of a class's name below a bar."""
METHOD_COLOURS = {"bloctrain": OKABE_ITO["blue"], "bloctrain_base": OKABE_ITO["orange"], "end_to_end": OKABE_ITO["green"]}
SHADES = [OKABE_ITO[name] for name in ("sky", "blue", "black", "orange", "purple")]
"""Of what is no method, in order."""
METHOD_MARKERS = {"bloctrain": "o", "bloctrain_base": "s", "end_to_end": "^"}
PAPER = {"color": OKABE_ITO["red"], "linestyle": "--", "linewidth": 1.1}
"""How the paper's values are drawn, everywhere."""
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True,
    "axes.grid.axis": "y", "grid.color": "#dddddd", "grid.linewidth": 0.6, "legend.frameon": False, "lines.markersize": 4,
    "lines.linewidth": 1.2, "svg.hashsalt": "bloctrain",
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A finished figure, a text for readers who cannot see it, and what its caption leaves open. The caption is the docstring of
    the function that drew it."""

    figure: Figure
    alt: str
    words: dict[str, Any] = field(default_factory=dict)

    def caption(self, draw: Callable[..., Any]) -> str:
        """The caption in one line."""
        return " ".join((draw.__doc__ or "").split()).format(**self.words)


def new_figure(rows: int = 1, columns: int = 1, height: float = 2.4) -> tuple[Figure, list[Axes]]:
    """A column-wide figure, `height` inches high, and its axes, row by row. Call it, and draw, inside `style()`."""
    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def style() -> Any:
    """Context in which figures are drawn and saved: matplotlib's defaults and STYLE, whatever the user's own settings are."""
    settings = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    return mpl.rc_context(settings | STYLE)


def short_names(names: Sequence[str]) -> list[str]:
    """A label of up to NAME_WIDTH characters for each name, no two alike. A name that the font of the figures cannot write is `#`
    and its number, counted from 1."""
    known = FT2Font(findfont(STYLE["font.family"])).get_charmap()
    short = [name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 1]}\u2026" for name in names]
    for number, name in enumerate(names, start=1):
        if not all(ord(letter) in known for letter in name):
            short[number - 1] = f"#{number}"
    alike = {label for label in short if short.count(label) > 1}
    told_apart = [
        f"{label[: NAME_WIDTH - 1 - len(str(number))]}\u2026{number}" if label in alike else label
        for number, label in enumerate(short, start=1)
    ]
    return [label.replace("$", r"\$") for label in told_apart]  # two dollars would make a formula of it


def legend(figure: Figure, axes: Sequence[Axes], columns: int = 2) -> None:
    """One legend above the axes, outside them; each label once."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        figure.legend(list(found.values()), list(found), loc="outside upper center", ncols=columns)


def finish(axes: Sequence[Axes], alt: str, columns: int = 1, **words: Any) -> Drawn:
    """The figure of these axes with its legend; several panels side by side or in three rows get letters."""
    figure = axes[0].get_figure()
    assert isinstance(figure, Figure)
    for axis, letter in zip(axes, "ABCD" if len(axes) > 2 else "", strict=False):
        axis.set_title(letter, loc="left", fontweight="bold")
    legend(figure, axes, columns)
    return Drawn(figure, alt, words)


def bars(axis: Axes, names: Sequence[str], values: Sequence[float], width: float, colour: Any, form: str = "") -> None:
    """A bar per name, with its value above it where `form` says how to write it, so that a bar too low to see is read as one."""
    drawn = axis.bar(range(len(names)), values, width, color=colour)
    axis.set_xticks(range(len(names)), names)
    axis.grid(visible=False, axis="x")
    if form:
        axis.bar_label(drawn, fmt=form, fontsize=6, padding=1)
        axis.margins(y=0.12)


def grouped_bars(axis: Axes, groups: Sequence[str], series: Mapping[str, Sequence[float]], form: str = "") -> None:
    """Bars side by side: `series[name][i]` over `groups[i]`; a method has its own name and colour."""
    width = 0.8 / len(series)
    for position, (method, values) in enumerate(series.items()):
        places = [i + (position - (len(series) - 1) / 2) * width for i in range(len(groups))]
        colour = METHOD_COLOURS.get(method, SHADES[position % len(SHADES)])
        drawn = axis.bar(places, values, width * 0.92, label=NAMES.get(method, method), color=colour)
        if form:
            axis.bar_label(drawn, fmt=form, fontsize=6, padding=1)
    axis.set_xticks(range(len(groups)), groups)
    axis.grid(visible=False, axis="x")


def method_line(axis: Axes, method: str, places: Sequence[float], values: Sequence[float]) -> None:
    """A line in the method's colour and with its mark."""
    axis.plot(places, values, marker=METHOD_MARKERS[method], color=METHOD_COLOURS[method], label=NAMES[method])


def paper_line(axis: Axes, value: float | None, label: str, mark: str = "--") -> None:
    """The paper's value, where it states one, as a labelled line all across."""
    if value is not None:
        axis.axhline(value, label=label, **{**PAPER, "linestyle": mark})  # type: ignore[arg-type]


def paper_mark(axis: Axes, place: float, value: float | None, label: str, reach: float = 0.4) -> None:
    """The paper's value, where it states one, as a short line over one bar."""
    if value is not None:
        axis.plot([place - reach, place + reach], [value, value], label=label, color=OKABE_ITO["red"], linestyle="--")


def listed(series: Mapping[str, Sequence[float]], form: str) -> str:
    """`BlocTrain: 1.0 s, 2.0 s; end-to-end: ...`, for readers who cannot see the figure."""
    return "; ".join(f"{NAMES[method]}: {', '.join(map(form.format, values))}" for method, values in series.items())


def save(folder: Path, name: str, drawn: Drawn) -> None:
    """Write `<name>.png` and `<name>.svg`, without dates or program versions."""
    kinds: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    for kind, metadata in kinds.items():
        with atomic_file(folder / f"{name}.{kind}") as path:
            drawn.figure.savefig(path, format=kind, dpi=DPI if kind == "png" else "figure", metadata=metadata)
