"""Put the finished run into the ledger, reports/published/<experiment>/. Refuses uncommitted files and a stale run."""

import argparse
from dataclasses import replace
from pathlib import Path

from pipeline.analysis.table import write_table
from pipeline.base.folders import Folders
from pipeline.base.machine import require_committed
from pipeline.config import load_params
from pipeline.reporting.claims.facts import load_facts, same_experiment
from pipeline.reporting.claims.table import findings
from pipeline.reporting.figures.all import draw_figures
from pipeline.reporting.ledger.publish import publish
from pipeline.reporting.tables import build_tables
from pipeline.reporting.validation import check_all, write_checks
from stages.stage import guard


def main(folders: Folders, notes: list[str], untimed: bool) -> None:
    """`notes` say what is to be known of the numbers; with `untimed` no times are compared.

    Raises UserError for what is not committed, out of date or missing.
    """
    commit, params = require_committed(folders.root), load_params(folders.params)
    facts = load_facts(params, folders)
    facts = replace(facts, ledger=(), published=facts.ledger)  # an entry holds what its own run says
    if untimed:
        efficiency = facts.summary["efficiency"] | {"measured_speedup": None}
        results = replace(facts.results, latency=facts.results.latency | {"speedup": {}})
        summary = facts.summary | {"training_time_ratio": None, "efficiency": efficiency}
        facts = replace(facts, results=results, timed=False, summary=summary)

    def draw(folder: Path) -> None:
        for table in build_tables(facts):
            write_table(folder / "tables", table)
        draw_figures(facts, folder / "figures")
        write_checks(check_all(params.expectations, facts.summary), folder)

    tested = {name: finding for name, finding in findings(facts).items() if finding.scale}
    entry = replace(facts.own, findings=tested, notes=notes)
    earlier = [one for one in facts.published if one.name == entry.name]
    same = all(same_experiment(one, entry.parameters, facts.results.manifest) for one in earlier)
    print(f"published: {publish(facts.results, entry, commit, draw, same)}; commit it")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m stages.publish", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--note", action="append", default=[], help="a sentence on the numbers, kept with them; may be repeated")
    parser.add_argument("--untimed", action="store_true", help="compare no times: the run shared its device with others")
    given = parser.parse_args()
    guard(lambda: main(Folders(), given.note, given.untimed))
