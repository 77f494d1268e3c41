"""Every expectation against the numbers of a summary."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.analysis.table import Table, markdown
from pipeline.base.files import write_json, write_text
from pipeline.base.yaml_file import validate
from pipeline.reporting.params import Expectation
from pipeline.reporting.summary import look_up

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


def recorded(content: Any, origin: str) -> list[Expectation]:
    """The expectations of a recorded mapping of parameters; `origin` names it in messages.

    Raises:
        UserError: one that is no expectation.
    """
    expectations: list[Expectation] = validate(list[Expectation], content.get("expectations") or [], origin, "expectations")
    return expectations


def check_all(expectations: Iterable[Expectation], summary: dict[str, Any]) -> list[Check]:
    """A check per expectation, in their order. Both ends of a band are inside it."""
    checks = []
    for e in expectations:
        found = look_up(summary, e.metric)
        value = float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
        ok = value is not None and (e.min is None or value >= e.min) and (e.max is None or value <= e.max)
        checks.append(Check(e.metric, value, e.min, e.max, e.source, ok))
    return checks


def checks_table(checks: list[Check]) -> Table:
    """The checks as a table."""
    rows = [[c.metric, c.value, c.band, c.source, "ok" if c.ok else "missing" if c.value is None else "FAILS"] for c in checks]
    held = f"{sum(check.ok for check in checks)} of {len(checks)} expectations hold."
    note = held if checks else "params.yaml states no expectations."
    return Table(NAME, "Expectations", ("metric", "value", "band", "source", "result"), rows, [note])


def write_checks(checks: list[Check], folder: Path) -> None:
    """Write validation.md and validation.json."""
    write_text(folder / f"{NAME}.md", markdown(checks_table(checks)))
    write_json(folder / f"{NAME}.json", [{**asdict(check), "band": check.band} for check in checks])
