"""Check every expectation of params.yaml against reports/summary.json: reports/validation.md and validation.json.

With --strict nothing is written, and the exit code is 1 if an expectation fails or its metric is missing. With --published
the same strict check is made of every experiment in the ledger, against its own expectations, and its accuracies are
counted again from its predictions.
"""

import argparse
import sys

from pipeline.base.files import read_json
from pipeline.config import load_params
from pipeline.layout import REPORTS
from pipeline.reporting.ledger import LEDGER, check_predictions, load_ledger
from pipeline.reporting.validation import as_text, check_all, write_checks
from stages.command import _guard


def main(strict: bool) -> None:
    checks = check_all(load_params().expectations, read_json(REPORTS / "summary.json"))
    if not strict:
        write_checks(checks)
    print(as_text(checks), end="")
    failures = [check.failure() for check in checks if not check.ok]
    if strict and failures:
        sys.exit("\n".join(failures))


def check_ledger() -> None:
    failures = []
    for entry in load_ledger():
        checks = check_all(entry.params.expectations, entry.summary)
        found = [check.failure() for check in checks if not check.ok] + check_predictions(LEDGER / entry.name)
        failures += [f"{entry.name}: {failure}" for failure in found]
        held, images = sum(check.ok for check in checks), entry.params.data.split.test
        counted = f"accuracies and exits counted again from {images} predictions"
        print(f"{entry.name}: {held} of {len(checks)} expectations hold; {counted}; {len(found)} failures")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="only check: write nothing, exit 1 if an expectation fails")
    parser.add_argument("--published", action="store_true", help="check the ledger instead, strictly")
    arguments = parser.parse_args()
    _guard(check_ledger if arguments.published else lambda: main(arguments.strict))
