"""Check every expectation of params.yaml against reports/summary.json: reports/validation.md and validation.json.

With --strict nothing is written, and the exit code is 1 if an expectation fails or its metric is missing.
"""

import argparse
import sys

from pipeline.config import load_params
from pipeline.files import read_json
from pipeline.layout import REPORTS
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="only check: write nothing, exit 1 if an expectation fails")
    arguments = parser.parse_args()
    _guard(lambda: main(arguments.strict))
