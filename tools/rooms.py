"""Draw the rooms of the house, docs/rooms.svg: `python -m tools.rooms`.

A row per package, in the order of the data flow, with its own first sentence; a dot where it imports from the package of that
column. Imports point back along the flow, so every dot lies left of the diagonal.
"""

import ast
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tools.imports import ROOT, direct

FLOW = (
    "base", "data", "encoding", "neuron", "engine", "network", "training", "partition", "inference", "accounting",
    "anytime", "predict", "config", "analysis", "reporting",
)  # fmt: skip
PICTURE = ROOT / "docs" / "rooms.svg"
STYLE: dict[Any, Any] = {"font.family": "DejaVu Sans", "font.size": 8, "svg.hashsalt": "rooms", "svg.fonttype": "none"}
BLUE, GREY = "#0072B2", "#dddddd"


def imports() -> dict[str, set[str]]:
    """For each package, the packages that its modules import from."""
    found: dict[str, set[str]] = {}
    for name in FLOW:
        targets = {target for path in (ROOT / "pipeline" / name).rglob("*.py") for target in direct(path)}
        found[name] = {room for target in targets if (room := _room(target)) and room != name}
    return found


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "pipeline" and len(parts) > 2 else ""


def sentence(name: str) -> str:
    """The first sentence of a package's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / "pipeline" / name / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def draw() -> Figure:
    """The picture."""
    found = imports()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5, 4.6), layout="constrained")
        axis = figure.subplots()
        for row, name in enumerate(FLOW):
            axis.plot([-0.5, row], [row, row], color=GREY, linewidth=0.8, zorder=1)
            axis.plot([row, row], [row, len(FLOW) - 0.5], color=GREY, linewidth=0.8, zorder=1)
            axis.plot(row, row, "s", color=BLUE, markersize=9, zorder=3)
            for column, other in enumerate(FLOW):
                if other in found[name]:
                    axis.plot(column, row, "o", color="black", markersize=4, zorder=2)
            axis.text(len(FLOW) + 0.1, row, sentence(name), va="center")
        axis.set_yticks(range(len(FLOW)), FLOW)
        axis.set_xticks(range(len(FLOW)), FLOW, rotation=45, ha="left")
        axis.xaxis.tick_top()
        axis.set_xlim(-0.6, len(FLOW) + 29)
        axis.set_ylim(len(FLOW) - 0.4, -0.6)
        axis.tick_params(length=0)
        axis.set_ylabel("a package ...")
        axis.text(-0.5, -2.9, "... imports from (black dots)", fontsize=8)
        for spine in axis.spines.values():
            spine.set_visible(False)
    return figure


def main() -> None:
    """Write docs/rooms.svg."""
    figure = draw()
    FigureCanvasSVG(figure)
    with mpl.rc_context(STYLE):
        figure.savefig(PICTURE, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
