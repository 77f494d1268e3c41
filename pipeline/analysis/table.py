"""Tables as CSV (full numbers) and Markdown (rounded, readable)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.base.files import write_csv, write_text

NAMES = {"bloctrain": "BlocTrain", "bloctrain_base": "BlocTrain-base", "end_to_end": "end-to-end"}
"""How tables and figures call the methods."""

MARKUP = re.compile(r"[\\`*\[\]<>&~$|]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown may take for something else than itself."""


class Verbatim(str):
    """Text that is no word of ours, such as the name of a class: Markdown shows it as it is."""


@dataclass(frozen=True)
class Table:
    """A named table. Cells are text, numbers or None; `notes` stand below it."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[list[Any]]
    notes: list[str] = field(default_factory=list)


def write_table(folder: Path, table: Table) -> None:
    """Write `<name>.csv` and `<name>.md`."""
    write_csv(folder / f"{table.name}.csv", table.columns, table.rows)
    write_text(folder / f"{table.name}.md", markdown(table))


def markdown(table: Table) -> str:
    """A Markdown document: title, table padded so that its source reads well too, notes. Numbers are set to the right."""
    cells = [[_in_markdown(cell) for cell in row] for row in table.rows]
    header = [heading(column) for column in table.columns]
    widths = [max(3, *(len(row[i]) for row in [header, *cells])) for i in range(len(header))]
    right = [_numeric([row[i] for row in table.rows]) for i in range(len(header))]
    rule = ["-" * (w - 1) + ":" if number else "-" * w for w, number in zip(widths, right, strict=True)]
    body = [
        "| " + " | ".join(c.rjust(w) if number else c.ljust(w) for c, w, number in zip(row, widths, right, strict=True)) + " |"
        for row in [header, rule, *cells]
    ]
    return "\n".join([f"# {table.title}", "", *body, *(f"\n{note}" for note in table.notes)]) + "\n"


def heading(column: str) -> str:
    """A column's name in words."""
    return column.replace("_", " ")


def cell_text(cell: Any) -> str:
    """A cell as a person reads it: four significant digits, thousands kept whole, nothing for None."""
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.4g}"
    return "" if cell is None else str(cell)


def _in_markdown(cell: Any) -> str:
    text = cell_text(cell)
    text = MARKUP.sub(r"\\\g<0>", text) if isinstance(cell, Verbatim) else text.replace("|", "\\|")
    return text.replace("\n", " ").replace("\r", " ")


def _numeric(cells: list[Any]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(isinstance(cell, int | float) for cell in known)
