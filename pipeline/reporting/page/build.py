"""reports/report.html: one self-contained page of the tables, the figures, the checks and example images."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.analysis.table import NAMES, Table, cell_text, heading
from pipeline.base.files import missing, read_arrays, read_json
from pipeline.base.folders import Folders
from pipeline.base.machine import commit_or_modified, git_trouble, package_versions
from pipeline.inference.sweep import FALL
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.figures.all import CAPTIONS
from pipeline.reporting.health import health
from pipeline.reporting.ledger.entry import VERDICTS
from pipeline.reporting.page.samples import SHOWN, png_uri, sample_groups
from pipeline.reporting.tables import build_tables, hardness_threshold
from pipeline.reporting.validation import check_all, checks_table

SECTIONS = {
    "run": "What was run", "result": "Result", "health": "Health", "figures": "Figures", "classes": "Easy and hard classes",
    "examples": "Example images", "cost": "Cost", "checks": "Checks", "ledger": "Beside the paper and published experiments",
    "provenance": "Provenance",
}  # fmt: skip
HEALTH_FIGURES = {"spike_rates": "Spike rates by layer", "training_curves": "Training curves"}
LEDGER_FIGURES = ["experiments"]
COLOURS = {verdict: verdict.replace(" ", "-") for verdict in VERDICTS} | {"ok": "reproduced", "FAILS": "not-reproduced"}
UNSTATED: Any = {"data": {"path"}, "expectations": True}
"""Parameters left off the page: paths, and what stands in the checks."""


def build_page(facts: Facts) -> str:
    """The page as HTML; the same bytes for the same inputs, code version and packages.

    Raises:
        UserError: a figure, the test images or another file is missing.
    """
    results, folders, tables = facts.results, facts.results.folders, {table.name: table for table in build_tables(facts)}
    claims: dict[bool, list[Any]] = {True: [], False: []}
    for row in tables["claims"].rows:
        claims[bool(row[tables["claims"].columns.index("scale")])].append(row)
    images, keys = read_arrays(folders.prepared / "test.npz")["images"], [block.key for block in results.built]
    digests = [[split, results.images(split), digest] for split, digest in results.manifest["sha256_of_pixels"].items()]
    loader = PackageLoader("pipeline.reporting.page", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(heading=heading, text=cell_text, breakable=_breakable, percent=lambda v: f"{100 * v:.1f}\u00a0%")
    environment.globals.update(vars(results) | vars(facts), sections=SECTIONS, colours=COLOURS, shown=SHOWN, tables=tables)
    return environment.get_template("report.html.j2").render(
        scale=facts.own.scale, hardness_threshold=hardness_threshold(facts), sentence=_sentence(facts), figures=_figures(folders),
        health=health(results), fall=FALL, health_figures=HEALTH_FIGURES, ledger_figures=LEDGER_FIGURES,
        apart=[*HEALTH_FIGURES, *LEDGER_FIGURES], versions=package_versions(), commit=commit_or_modified(folders.root),
        git_trouble=git_trouble(folders.root),
        tested=Table("claims", "Claims with a number of ours", tables["claims"].columns, claims[True]),
        untested=Table("claims", "Entries that no experiment of ours tests", tables["claims"].columns, claims[False]),
        counts=", ".join(f"{verdict} {sum(verdict in row for row in claims[True])}" for verdict in VERDICTS),
        groups=sample_groups(images, results.exits, keys, results.blocks[0].hard, results.class_names),
        checks=checks_table(check_all(results.params.expectations, facts.summary)),
        digests=Table("digests", "Digests of the data", ("split", "images", "digest"), digests),
        parameters=json.dumps(results.params.model_dump(exclude=UNSTATED), indent=2),
    )  # fmt: skip


def _sentence(facts: Facts) -> str:
    """What came out, in one sentence."""
    scale, efficiency, left = facts.own.scale, facts.summary["efficiency"], 100 * facts.summary["exits"].get("b1", 0.0)
    own, *others = facts.results.methods
    beside = ", ".join(f"{NAMES[method]} {100 * facts.accuracy(method):.1f} %" for method in others)
    built, speed = facts.summary["depth"], efficiency["measured_speedup"]
    return (
        f"{NAMES[own]} reached {100 * facts.accuracy(own):.1f} % test accuracy on {scale.data}{f' ({beside})' if beside else ''}"
        f"{'' if built == scale.blocks else f', with {built} of {scale.blocks} blocks built'}. "
        f"It takes {efficiency['compute']:.2f}x less compute than end to end, counted"
        f"{'' if speed is None else f', and is {speed:.2f}x as fast, measured'}. {left:.1f} % of the test images left at block 1."
    )


def _breakable(name: str) -> Markup:
    """A claim's id that may be broken over lines after its dots and underscores."""
    return Markup(str(escape(name)).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def _figures(folders: Folders) -> list[dict[str, str]]:
    """Name, picture, caption and alternative text of each figure: the paper's by number, then the others."""
    folder, pictures = folders.reports / "figures", []
    texts = read_json(folder / CAPTIONS)
    for name in sorted(
        texts, key=lambda name: (not name.startswith("figure_"), int("0" + "".join(filter(str.isdigit, name))), name)
    ):
        path = folder / f"{name}.png"
        if not path.is_file():
            raise missing(path)
        pictures.append({"name": name, "uri": png_uri(path.read_bytes()), **texts[name]})
    return pictures
