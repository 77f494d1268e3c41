"""Every expectation against the numbers of a summary."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.analysis.table import Table, markdown
from pipeline.base.files import write_json, write_text
from pipeline.config.expectation import Expectation
from pipeline.reporting.summary import look_up

NAME = "validation"


@dataclass(frozen=True)
class Check:
    """`value` is None if the summary has no such number; then the check fails."""

    expected: Expectation
    value: float | None
    ok: bool

    @property
    def band(self) -> str:
        """The band in words: `[0.85, 0.95]`, `at least 0.85` or `at most 0.95`."""
        low, high = self.expected.min, self.expected.max
        if low is None:
            return f"at most {high:g}"
        return f"at least {low:g}" if high is None else f"[{low:g}, {high:g}]"

    def failure(self) -> str:
        """One line that names metric, value and band."""
        value = "missing from reports/summary.json" if self.value is None else f"{self.value:.6g}"
        return f"{self.expected.metric}: {value}, expected {self.band} ({self.expected.source})"


def check_all(expectations: Iterable[Expectation], summary: dict[str, Any]) -> list[Check]:
    """A check per expectation, in their order. Both ends of a band are inside it."""
    checks = []
    for e in expectations:
        found = look_up(summary, e.metric)
        value = float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
        ok = value is not None and (e.min is None or value >= e.min) and (e.max is None or value <= e.max)
        checks.append(Check(e, value, ok))
    return checks


def checks_table(checks: list[Check]) -> Table:
    """The checks as a table."""
    results = ["ok" if check.ok else "missing" if check.value is None else "FAILS" for check in checks]
    rows = [[c.expected.metric, c.value, c.band, c.expected.source, result] for c, result in zip(checks, results, strict=True)]
    held = f"{results.count('ok')} of {len(checks)} expectations hold." if checks else "params.yaml states no expectations."
    return Table(NAME, "Expectations", ("metric", "value", "band", "source", "result"), rows, [held])


def write_checks(checks: list[Check], folder: Path) -> None:
    """Write validation.md and validation.json."""
    write_text(folder / f"{NAME}.md", markdown(checks_table(checks)))
    rows = [check.expected.model_dump() | {"value": check.value, "ok": check.ok, "band": check.band} for check in checks]
    write_json(folder / f"{NAME}.json", rows)
