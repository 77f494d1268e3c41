"""Whatever the name of a class holds, reports show it as it is, or by a number in a figure."""

import csv
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from image_sources import NAMES
from matplotlib.cbook import is_math_text

from pipeline.analysis import plot
from pipeline.analysis.table import write_table
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.reporting.claims.facts import Facts, load_facts
from pipeline.reporting.page.build import build_page
from pipeline.reporting.page.samples import sample_groups
from pipeline.reporting.tables import build_tables

MARKUP = [
    "ca$$h", "$x$", r"\$x$", "a|b", r"a\|b", "\\", "*x*", "_x_", "__x__", "`c`", "<b>x</b>", "<!--", "&amp;", "[a](b)", "![a](b)",
    "~~x~~", "# x", "- x", "{x}", "{{ x }}", "{% x %}", "a\rb", "x\ty", '"', "'", "ok", "FAILS", "hard", "1e5", "nan", "None",
    "#1", "#2", "\u20262", "a\u202610", "a" * 13, "a" * 14,
]  # fmt: skip
TEN = st.lists(st.sampled_from(MARKUP) | NAMES, min_size=10, max_size=10, unique=True)
shown = settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Page(HTMLParser):
    """The rows of all tables, each with its CSS class and with CSS class and text of each cell, and what pictures show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[tuple[str | None, list[tuple[str | None, str]]]] = []
        self.pictures: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "tr":
            self.rows.append((found.get("class"), []))
        if tag == "td":
            self.rows[-1][1].append((found.get("class"), ""))
        if tag == "img":
            self.pictures.append(str(found["alt"]))
        self.inside = tag == "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            kind, text = self.rows[-1][1][-1]
            self.rows[-1][1][-1] = kind, text + data

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"


@cache
def facts_of(root: Path) -> Facts:
    return load_facts(load_params(root / "params.yaml"), Folders(root))


def named(root: Path, names: list[str]) -> Facts:
    facts = facts_of(root)
    return replace(facts, results=replace(facts.results, manifest=facts.results.manifest | {"class_names": names}))


@settings(shown, max_examples=15)
@given(names=TEN)
def test_the_page_shows_any_name(names: list[str], reports: Path) -> None:
    facts = named(reports, names)
    page, hard = Page(build_page(facts)), facts.results.blocks[0].hard
    of_b1 = [row for row in page.rows if len(row[1]) == 7 and (row[1][0][1], row[1][5][1]) == ("b1", "yes")]
    assert [cells[1] for _, cells in of_b1] == [(None, name) for name in names]
    assert [kind for kind, _ in of_b1] == ["hard" if number in hard else None for number in range(10)]
    keys = [block.key for block in facts.results.built]
    groups = sample_groups(
        facts.results.exits["label"][:, None, None, None].astype("uint8"), facts.results.exits, keys, hard, names
    )
    told = {f"test image {one.index}: {one.label}, predicted {one.prediction}" for group in groups for one in group.samples}
    assert told <= set(page.pictures)


@shown
@given(names=TEN)
def test_tables_show_any_name(names: list[str], reports: Path, tmp_path: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    (table,) = (table for table in build_tables(named(reports, names)) if table.name == "partition")
    write_table(tmp_path, table)
    rows = list(csv.DictReader(StringIO((tmp_path / "partition.csv").read_bytes().decode(), newline="")))
    assert [row["class"] for row in rows if row["block"] == "b1"] == names
    text = (tmp_path / "partition.md").read_bytes().decode()
    page = Page(markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))
    cells = [cells[1][1] for _, cells in page.rows[1:11]]
    assert [cell.split() for cell in cells] == [name.split() for name in names]  # a browser joins blanks


@shown
@given(names=TEN)
def test_figures_label_any_name(names: list[str]) -> None:
    labels = plot.short_names(names)
    assert len(set(labels)) == 10
    for number, (label, name) in enumerate(zip(labels, names, strict=True), start=1):
        text = label.replace(r"\$", "$")  # as matplotlib does
        assert not is_math_text(label) and len(text) <= plot.NAME_WIDTH
        assert text == name or text.endswith(("\u2026", f"\u2026{number}", f"#{number}"))


@settings(shown, max_examples=10)
@given(names=TEN)
def test_any_name_is_drawn(names: list[str], tmp_path: Path) -> None:
    with plot.style():
        _, (axis,) = plot.new_figure()
        plot.bars(axis, plot.short_names(names), [1.0] * 10, 0.8, "k")
        plot.save(tmp_path, "figure", plot.finish([axis], "bars"))
