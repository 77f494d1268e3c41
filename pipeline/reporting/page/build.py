"""reports/report.html: one self-contained page from the tables, the figures, the summary and example images."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.base.files import missing, read_arrays, read_json
from pipeline.config import Params
from pipeline.layout import REPORTS, RUNS
from pipeline.reporting.facts import VERDICTS
from pipeline.reporting.ledger import read_cells
from pipeline.reporting.provenance import git, package_versions
from pipeline.reporting.results import NAMES, PREPARED, dataset, load_blocks
from pipeline.reporting.samples import file_uri, sample_groups
from pipeline.reporting.scale import DATASETS, TEST_PICKED, family
from pipeline.reporting.text import Table, cell_text, heading
from pipeline.reporting.verdicts import SCALE, VERDICT

TABLES = {
    "this_run": "This run",
    "headline": "The paper and the published experiments",
    "experiments": "This run and every published experiment",
    "table_1": "Table 1: CIFAR-10, with the paper's rows",
    "table_2": "Table 2: CIFAR-100, with the paper's rows",
    "accuracy_by_depth": "Test accuracy by depth",
    "inference": "Cost of inference",
    "tradeoff": "Accuracy against cost over theta_conf",
    "training_memory": "Training memory",
    "training_time": "Training time",
}
UNSTATED = {"partition": {"threshold"}, "data": {"path"}, "expectations": True}
"""Parameters left off the page: the threshold, so that one which gives the same partition changes no report; paths."""


def build_page(params: Params) -> str:
    """The page as HTML; the same bytes for the same inputs, code version and packages.

    Raises:
        UserError: a table, a figure or a result file is missing.
    """
    summary, manifest = read_json(REPORTS / "summary.json"), read_json(PREPARED / "manifest.json")
    blocks = load_blocks(params)
    names = [str(name) for name in manifest["class_names"]]
    name_of_data = DATASETS[dataset(params, manifest)]
    built = [block for block in blocks if block.built]
    images, exits = read_arrays(PREPARED / "test.npz")["images"], read_arrays(RUNS / "exits_test.npz")
    groups = sample_groups(images, exits, [block.key for block in built], blocks[0].hard, names)
    claims = _table("claims", "Claim by claim")
    tested = [row for row in claims.rows if row[SCALE]]
    counts = {verdict: sum(row[VERDICT] == verdict for row in tested) for verdict in VERDICTS}
    loader = PackageLoader("pipeline.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(heading=heading, breakable=_breakable, percent=lambda value: f"{100 * value:.1f}\u00a0%")
    return environment.get_template("report.html.j2").render(
        params=params,
        summary=summary,
        manifest=manifest,
        blocks=blocks,
        class_names=names,
        groups=groups,
        claims={True: tested, False: [row for row in claims.rows if not row[SCALE]]},
        claim_columns=claims.columns,
        verdict_column=VERDICT,
        counts=counts,
        tables={name: _table(name, title) for name, title in TABLES.items()},
        figures=_figures(),
        checks=read_json(REPORTS / "validation.json"),
        network=family(params),
        dataset=name_of_data,
        sentence=result_sentence(name_of_data, summary, len(blocks)),
        test_picked=TEST_PICKED if params.partition.source == "test" else "",
        parameters=json.dumps(params.model_dump(exclude=UNSTATED), indent=2),  # type: ignore[arg-type]
        versions=package_versions(),
        commit=git("rev-parse", "HEAD"),
    )


def result_sentence(data: str, summary: dict[str, Any], blocks: int) -> str:
    """What came out, in one sentence."""
    accuracy, efficiency = summary["accuracy"], summary["efficiency"]
    others = ", ".join(f"{NAMES[method]} {100 * accuracy[method]:.1f} %" for method in ("bloctrain_base", "end_to_end"))
    own = f"{100 * accuracy['bloctrain']:.1f} %"
    first = 100 * summary["exits"].get("b1", 0.0)
    return (
        f"With {summary['depth']} of {blocks} blocks built, BlocTrain reached {own} test accuracy on {data} ({others}); "
        f"compute efficiency {efficiency['compute']:.2f} (operations of end-to-end over own, counted), measured speed-up "
        f"{efficiency['measured_speedup']:.2f}; {first:.1f} % of the test images left at block 1."
    )


def _breakable(name: str) -> Markup:
    """A claim's id that may be broken over lines after its dots and underscores."""
    return Markup(str(escape(name)).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def _figures() -> list[dict[str, str]]:
    folder = REPORTS / "figures"
    texts = read_json(folder / "captions.json")
    order = sorted(texts, key=lambda name: (not name.startswith("figure_"), _number(name)))
    pictures = []
    for name in order:
        path = folder / f"{name}.png"
        if not path.is_file():
            raise missing(path)
        pictures.append({"name": name, "uri": file_uri(path), **texts[name]})
    return pictures


def _number(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name if character.isdigit())
    return (int(digits) if digits else 0, name)


def _table(name: str, title: str) -> Table:
    columns, rows = read_cells(REPORTS / "tables" / f"{name}.csv")
    return Table(name, title, columns, [[_rounded(column, cell) for column, cell in zip(columns, r, strict=True)] for r in rows])


def _rounded(column: str, cell: str) -> str:
    """A number as the Markdown tables write it; theta_conf and text as they are."""
    if column in ("theta_conf", "class", "claim", "ours", "paper") or "." not in cell:
        return cell
    try:
        return cell_text(float(cell))
    except ValueError:
        return cell
