"""Write reports/summary.json and reports/tables/: the paper's tables, this run's, and the claims one by one."""

from pipeline.analysis.table import write_table
from pipeline.base.files import atomic_folder, write_json
from pipeline.base.folders import Folders
from pipeline.config import Params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.tables import build_tables
from stages.command import run_stage


def main(params: Params, folders: Folders) -> None:
    """Raises UserError where a result is missing."""
    facts = load_facts(params, folders)
    with atomic_folder(folders.reports / "tables") as folder:
        for table in build_tables(facts):
            write_table(folder, table)
    write_json(folders.reports / "summary.json", facts.summary)


if __name__ == "__main__":
    run_stage(lambda params: main(params, Folders()), __doc__ or "")
