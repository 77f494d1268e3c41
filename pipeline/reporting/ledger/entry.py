"""One published experiment, reports/published/<experiment>/entry.json: what is stored of it, how it is read and checked.

An entry is data with a schema of its own. It is never parsed by the parameters' code of the day, so it stays readable whatever
the parameters become. Tables and figures beside it are drawn from it, never read back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.analysis.noise import Spread
from pipeline.analysis.table import NAMES
from pipeline.base.errors import UserError
from pipeline.base.files import damaged, read_arrays, read_json, read_table
from pipeline.base.folders import METHODS
from pipeline.base.yaml_file import validate
from pipeline.config.expectation import Expectation
from pipeline.reporting.results import Results, Row
from pipeline.reporting.scale import Scale, scale_of
from pipeline.reporting.validation import check_all

SCHEMA = 1
FILE, SEEDS, THRESHOLDS, PREDICTIONS = "entry.json", "seeds.csv", "thresholds.csv", "predictions.npz"
MODEL_COLUMNS = ("model", "training_method", "dataset", "dataset_size", "accuracy_percent", "over_seeds", "scale", "note")
Verdict = Literal["reproduced", "same direction", "not reproduced", "not testable here"]
VERDICTS: tuple[Verdict, Verdict, Verdict, Verdict] = ("reproduced", "same direction", "not reproduced", "not testable here")
REPRODUCED, DIRECTION, NOT_REPRODUCED, NOT_TESTABLE = VERDICTS


@dataclass(frozen=True)
class Finding:
    """The answer of one experiment to one claim. `text` is its number in words, empty if it has none, and `value` the number in
    the claim's unit. `scale` says at what scale, empty unless the claim was tested; `papers_data`: on the paper's own data."""

    text: str
    verdict: Verdict
    reason: str
    value: Any = None
    scale: str = ""
    papers_data: bool = True
    experiment: str = ""

    @property
    def decided(self) -> bool:
        """Whether the experiment could tell."""
        return self.verdict != NOT_TESTABLE


@dataclass(frozen=True)
class Entry:
    """A finished experiment. `parameters` is the plain mapping that was recorded; `rows` are those of the table of this run, by
    MODEL_COLUMNS; `notes` say what is to be known of the numbers; `thresholds` is the study of its hardness threshold, or ();
    `spreads` are the spreads of its numbers over seeds, by dotted path, `once` numbers that one of the seeds has alone."""

    name: str
    scale: Scale
    summary: dict[str, Any]
    parameters: dict[str, Any]
    rows: list[Row]
    tradeoff: list[Row]
    findings: Mapping[str, Finding] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    thresholds: Sequence[Row] = ()
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    once: Mapping[str, float] = field(default_factory=dict)

    def sweep(self, split: str = "test") -> list[Row]:
        """BlocTrain's trade-off rows of one split, from the lowest confidence threshold up."""
        rows = [row for row in self.tradeoff if row["method"] == "bloctrain" and row["split"] == split]
        return sorted(rows, key=lambda row: row["theta_conf"])

    def to_json(self) -> dict[str, Any]:
        """The content of entry.json."""
        content = {"schema": SCHEMA} | asdict(self)
        del content["thresholds"], content["spreads"], content["once"]  # studies of their own, in files of their own
        content["findings"] = {name: asdict(finding) | {"decided": finding.decided} for name, finding in self.findings.items()}
        return content


def entry_of(results: Results, summary: dict[str, Any], spreads: Mapping[str, Spread]) -> Entry:
    """The run in force as an entry that has no findings yet."""
    scale, rows = scale_of(results), []
    cut = "" if len(results.built) == scale.blocks else f"{len(results.built)} of {scale.blocks} blocks built"
    for method in results.methods:
        spread, percent = spreads.get(f"accuracy.{method}"), round(100 * summary["accuracy"][method], 4)
        over_seeds = f"{100 * spread.mean:.2f} ± {100 * spread.std:.2f} ({spread.seeds} runs)" if spread else ""
        note = "; ".join(note for note in (cut, scale.test_picked) if note) if method == "bloctrain" else ""
        row = (scale.family, NAMES[method], scale.data, scale.images[method], percent, over_seeds, scale.text(method), note)
        rows.append(dict(zip(MODEL_COLUMNS, row, strict=True)))
    return Entry(results.params.experiment, scale, summary, results.params.model_dump(mode="json"), rows, results.tradeoff)


def load_entry(folder: Path) -> Entry:
    """The entry in a folder. Fields that this version does not know are left out.

    Raises:
        UserError: missing, damaged, or of a later schema.
    """
    path, study = folder / FILE, folder / THRESHOLDS
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("schema"), int):
        raise damaged(path, "no schema")
    if content["schema"] > SCHEMA:
        raise UserError(f"{path}: schema {content['schema']}, but this version reads up to {SCHEMA}; update the code")
    try:
        entry: Entry = _known(Entry, content | {"name": folder.name})
        findings = {name: _known(Finding, finding) for name, finding in content["findings"].items()}
        entry = replace(entry, scale=_known(Scale, content["scale"]), findings=findings)
        relative = entry.scale.partition["mode"] == "relative"
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    studied = read_table(study) if study.exists() and relative else ()
    once = {metric: values[0] for metric, values in _over_seeds(folder).items() if len(values) == 1}
    return replace(entry, thresholds=studied, spreads=load_spreads(folder), once=once)


def load_ledger(folder: Path) -> list[Entry]:
    """Every published experiment, by name. A folder without entry.json holds a spread over seeds only and is left out."""
    return [load_entry(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))]


def load_spreads(folder: Path) -> dict[str, Spread]:
    """The spread over seeds of every number in the summary of an experiment, by dotted path; nothing if none was measured.

    A seed that has no such number, for want of a block, is left out of it.
    """
    seeds = _over_seeds(folder)
    return {metric: Spread(float(np.mean(v)), float(np.std(v, ddof=1)), len(v)) for metric, v in seeds.items() if len(v) > 1}


def _over_seeds(folder: Path) -> dict[str, list[float]]:
    """The values of each number, by dotted path, of the seeds that have it."""
    path = folder / SEEDS
    return {
        row["metric"]: [value for name, value in row.items() if name.startswith("seed ") and value is not None]
        for row in (read_table(path) if path.exists() else [])
    }


def _known(kind: Any, content: dict[str, Any]) -> Any:
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in content.items() if name in names})


def check_entry(entry: Entry, folder: Path) -> tuple[str, list[str]]:
    """What was checked of an entry, in a line, and what fails: the expectations that it was recorded with, by reporting's own
    parser alone, and accuracies and exits counted again.

    Raises:
        UserError: predictions are missing or damaged, or an expectation cannot be read.
    """
    expectations = entry.parameters.get("expectations") or []
    checks = check_all(validate(list[Expectation], expectations, str(folder / FILE), "expectations"), entry.summary)
    failures = [check.failure() for check in checks if not check.ok]
    failures += check_predictions(entry, read_arrays(folder / PREDICTIONS))
    counted = f"accuracies and exits counted again from {entry.scale.test_images} predictions"
    held = f"{sum(check.ok for check in checks)} of {len(checks)} expectations hold"
    return f"{entry.name}: {held}; {counted}; {len(failures)} failures", [f"{entry.name}: {failure}" for failure in failures]


def check_predictions(entry: Entry, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Differences between the accuracies and exits of an entry and those that its predictions give; [] if there are none."""
    depths, label = entry.summary["accuracy"]["by_depth"], arrays["label"]
    wanted = {f"{method}_{key}": value for method in METHODS for key, value in depths[method].items()}
    counted = {name: float(np.mean(arrays[name] == label)) for name in wanted if name in arrays}
    for position, (key, share) in enumerate(entry.summary["exits"].items(), start=1):
        wanted[f"exits.{key}"] = share
        counted[f"exits.{key}"] = float(np.mean(arrays["bloctrain_exit"] == position))
    return [
        f"{FILE}: {name} is {value:.6f}, {PREDICTIONS} gives {counted.get(name, float('nan')):.6f}"
        for name, value in wanted.items()
        if name not in counted or abs(counted[name] - value) > 1e-9
    ]
