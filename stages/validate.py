"""Check every expectation of params.yaml against reports/summary.json: reports/validation.md and validation.json.

With --strict nothing is written, and the exit code is 1 if an expectation fails or its metric is missing. With --published
the same strict check is made of every experiment in the ledger, against its own expectations, and its accuracies are
counted again from its predictions.
"""

import argparse
import sys
from typing import Any

from pipeline.analysis.table import markdown
from pipeline.base.files import read_json
from pipeline.base.folders import Folders
from pipeline.base.parameters import load_parameters
from pipeline.config.expectation import Expectation
from pipeline.reporting.ledger.entry import check_entry, load_ledger
from pipeline.reporting.validation import check_all, checks_table, write_checks
from stages.stage import Stage, guard

STAGE = Stage(
    reads={"expectations": list[Expectation]},
    needs=["reports/summary.json"],
    outs=[{"reports/validation.md": {"cache": False}}, {"reports/validation.json": {"cache": False}}],
)


def main(folders: Folders, params: Any, strict: bool = False) -> None:
    """Raises UserError where the summary is missing; exits with 1 where `strict` finds a failure."""
    checks = check_all(params.expectations, read_json(folders.reports / "summary.json"))
    if not strict:
        write_checks(checks, folders.reports)
    print(markdown(checks_table(checks)), end="")
    _exit([check.failure() for check in checks if not check.ok] if strict else [])


def check_ledger(folders: Folders) -> None:
    """Raises UserError where an entry cannot be read; exits with 1 where one fails."""
    failures = []
    for entry in load_ledger(folders.published):
        line, found = check_entry(entry, folders.published / entry.name)
        print(line)
        failures += found
    _exit(failures)


def _exit(failures: list[str]) -> None:
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="only check: write nothing, exit 1 if an expectation fails")
    parser.add_argument("--published", action="store_true", help="check the ledger instead, strictly")
    arguments = parser.parse_args()
    here = Folders()

    def check() -> None:
        main(here, load_parameters(here.params, STAGE.reads), arguments.strict)

    guard(lambda: check_ledger(here) if arguments.published else check())
