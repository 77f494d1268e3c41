"""Write reports/summary.json and reports/tables/: the paper's tables, this run's, and the claims one by one."""

from pipeline.base.files import atomic_folder, write_json
from pipeline.config import Params
from pipeline.layout import REPORTS
from pipeline.reporting.facts import Facts
from pipeline.reporting.ledger import load_ledger, load_spreads
from pipeline.reporting.results import load_results
from pipeline.reporting.summary import build_summary
from pipeline.reporting.tables import FOLDER, build_tables
from pipeline.reporting.text import write_table
from stages.command import run_stage


def main(params: Params) -> None:
    results = load_results(params)
    summary = build_summary(results)
    facts = Facts(results, summary, load_spreads(params.experiment), load_ledger())
    with atomic_folder(FOLDER) as folder:
        for table in build_tables(facts):
            write_table(folder, table)
    write_json(REPORTS / "summary.json", summary)


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
