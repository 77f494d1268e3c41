"""Lets these tests import what lies beside them in any import mode, and makes one set of reports for all of them."""

import sys
from pathlib import Path

import pytest

from pipeline.base.folders import Folders
from pipeline.reporting.claims.facts import Facts, load_facts

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything under reports/; the tests only read it."""
    from commands import make_reports

    root = tmp_path_factory.mktemp("run")
    make_reports(root)
    return root


@pytest.fixture
def digits(tmp_path: Path) -> Facts:
    """What a made-up run of the digits experiment says."""
    from fake_run import digits_params, write_run

    return load_facts(write_run(tmp_path, digits_params()), Folders(tmp_path))
