"""Write reports/summary.json, reports/metrics.json and reports/tables/: the paper's tables, this run's, claim by claim."""

from typing import Any

from pipeline.analysis.table import write_table
from pipeline.base.files import atomic_folder, write_json
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.summary import build_metrics
from pipeline.reporting.tables import build_tables
from stages.reports import EVERYTHING, RESULTS
from stages.stage import Stage

STAGE = Stage(
    reads=EVERYTHING,
    needs=RESULTS,
    metrics=[{"reports/metrics.json": {"cache": False}}],
    outs=[{"reports/summary.json": {"cache": False}}, {"reports/tables": {"cache": False}}],
)


def main(folders: Folders, _: Any) -> None:
    """Raises UserError where a result is missing."""
    facts = load_facts(load_params(folders.params), folders)
    with atomic_folder(folders.reports / "tables") as folder:
        for table in build_tables(facts):
            write_table(folder, table)
    write_json(folders.reports / "summary.json", facts.summary)
    write_json(folders.reports / "metrics.json", build_metrics(facts.summary))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
