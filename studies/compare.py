"""The experiments on the commit at hand, side by side: `python -m studies.compare`, or `make compare`.

One row per DVC experiment, the committed run first: what its parameters change, and the few numbers that matter. In brackets
stands the difference to the committed run; `~` marks a difference that chance may make: for accuracies test images, for all
numbers the spread of trainings as far as seeds of the committed run were published.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.analysis.noise import Spread, accuracy_noise, spread_noise, variation
from pipeline.base.files import read_json
from pipeline.config import load_params
from pipeline.reporting.claims.facts import own_spreads
from pipeline.reporting.ledger.entry import load_ledger
from studies.experiments import FOLDERS, as_markdown, experiments, in_one_line, show

COLUMNS = {
    "BlocTrain %": ("accuracy", "bloctrain"),
    "base %": ("accuracy", "bloctrain_base"),
    "end-to-end %": ("accuracy", "end_to_end"),
    "compute x": ("efficiency", "compute"),
    "memory x": ("efficiency", "memory_overhead"),
    "speed-up x": ("efficiency", "measured_speedup"),
}
"""Numbers of reports/summary.json, by the heading of their column."""

Run = tuple[dict[str, Any], dict[str, Any]]
"""Parameters and summary."""


def main() -> None:
    """Print the table."""
    own = _run("HEAD")
    runs = {name: _run(ref) for name, ref in experiments().items()}
    spreads = own_spreads(own[0], _manifest(own[0]), load_ledger(FOLDERS.published), FOLDERS)
    print(table(own, runs, spreads), end="")
    if runs:
        print(f"\n~ chance may make this difference: test images, {variation(spreads, []).source}")
        print("speed-up is measured: between machines, and beside other work, it differs by itself")
    else:
        print("\nno experiments on this commit; start one with: dvc exp run --temp -S partition.threshold.value=0.5")


def table(own: Run, runs: dict[str, Run], spreads: Mapping[str, Spread]) -> str:
    """Markdown: the committed run, and each of `runs` with its differences to it; `spreads` over seeds, by dotted path."""
    rows = [["(committed)", "", *(_cell(heading, own, own, spreads) for heading in COLUMNS)]]
    for name, run in runs.items():
        rows.append([name, _changes(own[0], run[0]), *(_cell(heading, run, own, spreads) for heading in COLUMNS)])
    return as_markdown(["experiment", "what differs", *COLUMNS], rows)


def _changes(own: dict[str, Any], other: dict[str, Any]) -> str:
    """`name=value` of each parameter that differs, by its dotted name."""
    before, after = _dotted(own), _dotted(other)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{name}={after.get(name, 'left out')}" for name in names)


def _dotted(content: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted names and values; expectations are no parameters of a run."""
    if not isinstance(content, dict):
        return {prefix: content}
    items = content.items() if prefix else ((key, item) for key, item in content.items() if key != "expectations")
    return {name: value for key, item in items for name, value in _dotted(item, f"{prefix}.{key}".lstrip(".")).items()}


def _cell(heading: str, run: Run, own: Run, spreads: Mapping[str, Spread]) -> str:
    section, name = COLUMNS[heading]
    (parameters, summary), (own_parameters, own_summary) = run, own
    value, base = summary[section].get(name), own_summary[section].get(name)
    if value is None:
        return "-"
    factor, digits = (100, 1) if section == "accuracy" else (1, 2)
    shown = f"{factor * value:.{digits}f}"
    if run is own or base is None:
        return shown
    spread = spreads.get(f"{section}.{name}")
    if section == "accuracy":
        images = min(p["data"]["split"]["test"] for p in (parameters, own_parameters))
        noise = accuracy_noise(value, base, images, variation(spreads, []))
    else:
        noise = spread_noise(spread) if spread else -1.0
    return f"{shown} ({factor * (value - base):+.{digits}f}{' ~' if abs(value - base) <= noise else ''})"


def _manifest(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """That of the prepared images, if those in force are of these parameters."""
    path, in_force = FOLDERS.prepared / "manifest.json", load_params().model_dump(mode="json")
    same = all(in_force[name] == parameters[name] for name in ("seed", "data"))
    return dict(read_json(path)) if same and path.exists() else None


def _run(ref: str) -> Run:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(show(ref, "params.yaml"), encoding="utf-8")
        parameters = load_params(path).model_dump(mode="json")
    return parameters, json.loads(show(ref, "reports/summary.json"))


if __name__ == "__main__":
    in_one_line(main)
