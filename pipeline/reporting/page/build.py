"""reports/report.html: one self-contained page of the tables, the figures, the checks and example images."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.base.files import missing, read_arrays, read_json
from pipeline.base.folders import BLOCK_WISE, Folders
from pipeline.base.machine import commit_or_modified, package_versions
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.table import COLUMNS
from pipeline.reporting.figures.all import CAPTIONS
from pipeline.reporting.ledger.entry import VERDICTS
from pipeline.reporting.page.samples import SHOWN, file_uri, sample_groups
from pipeline.reporting.results import NAMES
from pipeline.reporting.tables import build_tables, hardness_threshold
from pipeline.reporting.text import Table, cell_text, heading
from pipeline.reporting.validation import check_all, checks_table

SECTIONS = {
    "run": "What was run", "result": "Result", "claims": "Claim by claim", "tables": "Accuracy tables", "figures": "Figures",
    "classes": "Easy and hard classes", "examples": "Example images", "curves": "Training curves", "cost": "Cost",
    "checks": "Checks", "provenance": "Provenance",
}  # fmt: skip
COLOURS = {verdict: verdict.replace(" ", "-") for verdict in VERDICTS} | {"ok": "reproduced", "FAILS": "not-reproduced"}
UNSTATED: Any = {"data": {"path"}, "expectations": True}
"""Parameters left off the page: paths, and what stands in the checks."""


def build_page(facts: Facts) -> str:
    """The page as HTML; the same bytes for the same inputs, code version and packages.

    Raises:
        UserError: a figure, the test images or another file is missing.
    """
    results, scale, folders = facts.results, facts.own.scale, facts.results.folders
    tables = {table.name: table for table in build_tables(facts)}
    at = COLUMNS.index("scale")
    tested = [row for row in tables["claims"].rows if row[at]]
    counts = {verdict: sum(verdict in row for row in tested) for verdict in VERDICTS}
    images, keys = read_arrays(folders.prepared / "test.npz")["images"], [block.key for block in results.built]
    digests = [[s, results.images(s), digest] for s, digest in results.manifest["sha256_of_pixels"].items()]
    loader = PackageLoader("pipeline.reporting.page", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(heading=heading, text=cell_text, breakable=_breakable, percent=lambda v: f"{100 * v:.1f}\u00a0%")
    return environment.get_template("report.html.j2").render(
        sections=SECTIONS,
        colours=COLOURS,
        params=results.params,
        scale=scale,
        summary=facts.summary,
        manifest=results.manifest,
        blocks=results.blocks,
        hardness_threshold=hardness_threshold(results, scale),
        sentence=result_sentence(facts),
        tables=tables,
        tested=Table("claims", "Claims with a number of ours", COLUMNS, tested),
        untested=Table(
            "claims", "Entries that no experiment of ours tests", COLUMNS, [r for r in tables["claims"].rows if not r[at]]
        ),
        counts=", ".join(f"{verdict} {count}" for verdict, count in counts.items()),
        figures=_figures(folders),
        groups=sample_groups(images, results.exits, keys, results.blocks[0].hard, results.class_names),
        shown=SHOWN,
        checks=checks_table(check_all(results.params.expectations, facts.summary)),
        digests=Table("digests", "Digests of the data", ("split", "images", "digest"), digests),
        parameters=json.dumps(results.params.model_dump(exclude=UNSTATED), indent=2),
        versions=package_versions(),
        commit=commit_or_modified(folders.root),
    )


def result_sentence(facts: Facts) -> str:
    """What came out, in one sentence."""
    scale, efficiency, exits = facts.own.scale, facts.summary["efficiency"], facts.summary["exits"]
    accuracy = {method: f"{100 * facts.accuracy(method):.1f} %" for method in NAMES}
    others = ", ".join(f"{NAMES[method]} {accuracy[method]}" for method in (BLOCK_WISE[1], "end_to_end"))
    return (
        f"With {facts.summary['depth']} of {scale.blocks} blocks built, BlocTrain reached {accuracy['bloctrain']} test accuracy on "
        f"{scale.data} ({others}); compute efficiency {efficiency['compute']:.2f} (operations of end-to-end over own, counted), "
        f"measured speed-up {efficiency['measured_speedup']:.2f}; {100 * exits.get('b1', 0.0):.1f} % of the test images left at "
        "block 1."
    )


def _breakable(name: str) -> Markup:
    """A claim's id that may be broken over lines after its dots and underscores."""
    return Markup(str(escape(name)).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def _figures(folders: Folders) -> list[dict[str, str]]:
    """Name, picture, caption and alternative text of each figure: the paper's by number, then the others."""
    folder, pictures = folders.reports / "figures", []
    texts = read_json(folder / CAPTIONS)
    for name in sorted(
        texts, key=lambda name: (not name.startswith("figure_"), int("".join(filter(str.isdigit, name)) or 0), name)
    ):
        path = folder / f"{name}.png"
        if not path.is_file():
            raise missing(path)
        pictures.append({"name": name, "uri": file_uri(path), **texts[name]})
    return pictures
