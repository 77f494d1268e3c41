"""Every expectation of params.yaml against reports/summary.json."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.base.files import write_json, write_text
from pipeline.layout import REPORTS
from pipeline.reporting.params import Expectation
from pipeline.reporting.text import Table, markdown

NAME = "validation"


@dataclass(frozen=True)
class Check:
    """`value` is None if the summary has no such number; then the check fails."""

    metric: str
    value: float | None
    min: float | None
    max: float | None
    source: str
    ok: bool

    @property
    def band(self) -> str:
        """The band in words: `[0.85, 0.95]`, `at least 0.85` or `at most 0.95`."""
        if self.min is None:
            return f"at most {self.max:g}"
        return f"at least {self.min:g}" if self.max is None else f"[{self.min:g}, {self.max:g}]"

    def failure(self) -> str:
        """One line that names metric, value and band."""
        value = "missing from reports/summary.json" if self.value is None else f"{self.value:.6g}"
        return f"{self.metric}: {value}, expected {self.band} ({self.source})"


def check_all(expectations: list[Expectation], summary: dict[str, Any]) -> list[Check]:
    """A check per expectation, in their order. Both ends of a band are inside it."""
    checks = []
    for expected in expectations:
        value = look_up(summary, expected.metric)
        above = value is not None and (expected.min is None or value >= expected.min)
        below = value is not None and (expected.max is None or value <= expected.max)
        checks.append(Check(expected.metric, value, expected.min, expected.max, expected.source, above and below))
    return checks


def look_up(summary: dict[str, Any], path: str) -> float | None:
    """The number at a dotted path, or None if there is none."""
    node: Any = summary
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return float(node) if isinstance(node, int | float) and not isinstance(node, bool) else None


def as_text(checks: list[Check]) -> str:
    """The checks as a Markdown document."""
    rows = [[c.metric, c.value, c.band, c.source, "ok" if c.ok else "missing" if c.value is None else "FAILS"] for c in checks]
    failed = sum(not check.ok for check in checks)
    note = f"{len(checks) - failed} of {len(checks)} expectations hold." if checks else "params.yaml states no expectations."
    return markdown(Table(NAME, "Expectations", ("metric", "value", "band", "source", "result"), rows, [note]))


def write_checks(checks: list[Check], folder: Path = REPORTS) -> None:
    """Write validation.md and validation.json."""
    write_text(folder / f"{NAME}.md", as_text(checks))
    write_json(folder / f"{NAME}.json", [{**asdict(check), "band": check.band} for check in checks])
