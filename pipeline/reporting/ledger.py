"""The ledger, reports/published/<experiment>/: committed results of finished experiments, which no stage owns."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.files import damaged, missing, read_arrays, read_json
from pipeline.config import Params, load_params
from pipeline.layout import REPORTS
from pipeline.reporting.results import METHODS, NAMES, Row, read_table

LEDGER = REPORTS / "published"
SEEDS = "seeds.csv"
THRESHOLDS = "thresholds.csv"


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of a number over `seeds` seeds."""

    mean: float
    std: float
    seeds: int


@dataclass(frozen=True)
class Entry:
    """One published experiment; `rows` and `claims` are the text cells of its own tables this_run and claims, `thresholds` the
    study of its relative hardness threshold, if one was made."""

    name: str
    params: Params
    summary: dict[str, Any]
    rows: list[list[str]]
    claims: dict[str, list[str]]
    tradeoff: list[Row]
    thresholds: Sequence[Row] = ()

    @property
    def data_and_scale(self) -> tuple[str, str]:
        """The data set's name and BlocTrain's scale, as its table this_run says them."""
        return self.rows[0][2], self.rows[0][6]

    @property
    def sweep(self) -> list[Row]:
        """BlocTrain's test rows of the trade-off."""
        return [row for row in self.tradeoff if row["method"] == NAMES["bloctrain"] and row["split"] == "test"]


def load_ledger(folder: Path = LEDGER) -> list[Entry]:
    """Every published experiment, by name. A folder without provenance.json holds a spread over seeds only and is left out."""
    return [_load(path.parent) for path in sorted(folder.glob("*/provenance.json"))]


def load_spreads(experiment: str, folder: Path = LEDGER) -> dict[str, Spread]:
    """The spread over seeds of every number in an experiment's summary, by dotted path; nothing if none was measured.

    A seed that has no such number, for want of a block, is left out of it.
    """
    path = folder / experiment / SEEDS
    if not path.exists():
        return {}
    seeds = {
        row["metric"]: [value for name, value in row.items() if name.startswith("seed ") and value is not None]
        for row in read_table(path)
    }
    return {metric: Spread(float(np.mean(v)), float(np.std(v, ddof=1)), len(v)) for metric, v in seeds.items() if len(v) > 1}


def read_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file as text.

    Raises:
        UserError: missing or empty.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            columns, *rows = list(csv.reader(stream))
    except FileNotFoundError as error:
        raise missing(path) from error
    except ValueError as error:
        raise damaged(path, error) from error
    if any(len(row) != len(columns) for row in rows):
        raise damaged(path, "a row does not have the header's cells")
    return columns, rows


def check_predictions(folder: Path) -> list[str]:
    """Differences between the accuracies and exits in summary.json and those that predictions.npz gives; [] if there are none."""
    summary, arrays = read_json(folder / "summary.json"), read_arrays(folder / "predictions.npz")
    right = {name: float(np.mean(arrays[name] == arrays["label"])) for name in arrays if name not in ("label", "index")}
    wanted = {f"{method}_{key}": value for method in METHODS for key, value in summary["accuracy"]["by_depth"][method].items()}
    found = [
        f"{folder}/summary.json: {name} is {value:.6f}, predictions.npz gives {right.get(name, float('nan')):.6f}"
        for name, value in wanted.items()
        if abs(right.get(name, float("nan")) - value) > 1e-9 or name not in right
    ]
    for position, (key, share) in enumerate(summary["exits"].items(), start=1):
        counted = float(np.mean(arrays["bloctrain_exit"] == position))
        if abs(counted - share) > 1e-9:
            found.append(f"{folder}/summary.json: exits.{key} is {share:.6f}, predictions.npz gives {counted:.6f}")
    return found


def _load(folder: Path) -> Entry:
    columns, claims = read_cells(folder / "tables/claims.csv")
    settings, study = load_params(folder / "params.yaml"), folder / THRESHOLDS
    return Entry(
        name=folder.name,
        params=settings,
        summary=read_json(folder / "summary.json"),
        rows=read_cells(folder / "tables/this_run.csv")[1],
        claims={row[columns.index("claim")]: row for row in claims},
        tradeoff=read_table(folder / "tables/tradeoff.csv"),
        thresholds=read_table(study) if study.exists() and settings.partition.threshold.mode == "relative" else (),
    )
