"""What figures show, counted from their bars."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import digits_params, write_run

from pipeline.analysis import plot
from pipeline.base.folders import Folders
from pipeline.reporting.claims.facts import Facts, load_facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures.partition import figure_4, figure_7
from pipeline.reporting.tables import build_tables


def row(threshold: float, hard: str, left: str, accuracy: float, compute: float) -> dict[str, Any]:
    """As `python -m studies.thresholds` writes it."""
    return {"threshold": threshold, "hard classes": hard, "left at": left, "test accuracy": accuracy,
            "compute efficiency": compute, "memory overhead": 1.2}  # fmt: skip


STUDIED = [row(0.0, "5 / 3 / 2", "40 / 40 / 20", 0.8, 1.6), row(1.0, "8 / 6", "40 / 60", 0.82, 1.4)]


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return load_facts(write_run(tmp_path, digits_params()), Folders(tmp_path))


def heights(drawn: plot.Drawn, panel: int) -> list[list[float]]:
    axis = drawn.figure.axes[panel]
    return [[bar.get_height() for bar in bars] for bars in axis.containers if len(bars.patches)]


def test_figure_7_shows_every_threshold_that_was_studied(facts: Facts) -> None:
    with plot.style():
        drawn = figure_7(replace(facts, ledger=[replace(facts.own, thresholds=STUDIED)]), Reference(None))
    assert heights(drawn, 0) == [[5, 3, 2], [8, 6, 0]]  # no third block at the higher threshold
    assert heights(drawn, 1) == [[40, 40, 20], [40, 60, 0]]
    assert heights(drawn, 3) == [[80], [82]]
    assert "for 2 hardness thresholds" in drawn.caption(figure_7)


@pytest.mark.parametrize("studied", [[], STUDIED[:1]])
def test_figure_7_shows_this_run_where_there_is_no_study(facts: Facts, studied: list[dict[str, Any]]) -> None:
    with plot.style():
        drawn = figure_7(replace(facts, ledger=[replace(facts.own, thresholds=studied)]), Reference(None))
    assert heights(drawn, 0) == [[3, 3, 3]]
    assert "one hardness threshold" in drawn.caption(figure_7)


@pytest.mark.parametrize("odd", ["\u732b", "a very long name of a class"])
def test_a_label_that_is_a_number_says_in_which_table_the_class_is(facts: Facts, odd: str) -> None:
    def caption(names: list[str]) -> str:
        with plot.style():
            return figure_4(named(names), Reference(None)).caption(figure_4)

    def named(names: list[str]) -> Facts:
        return replace(facts, results=replace(facts.results, manifest=facts.results.manifest | {"class_names": names}))

    names = ["#1", "b", odd, *"def", odd + "!", *"hij"]
    (table,) = (table for table in build_tables(named(names)) if f"in row n of the table {table.title}." in caption(names))
    assert [row[table.columns.index("class")] for row in table.rows[:10]] == names
    for without in ([*"#bcdefghij"], [odd, *names, *names]):  # of 21 classes none is named below its bar
        assert "row n" not in caption(without)
