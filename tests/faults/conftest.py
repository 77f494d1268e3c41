"""Fixtures of the fault tests: a finished tiny run to compare with, copies of it to damage, and a count of the faults."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from fault_tools import LONG, lengthen
from tiny_pipeline import commit, copied, make_clone, run

TRIED: Counter[str] = Counter()
SURVIVED: Counter[str] = Counter()


@pytest.fixture(scope="session")
def trial() -> Callable[[str], AbstractContextManager[None]]:
    """`with trial("fault"):` counts one fault, and counts it as survived where the body ends without an exception."""

    @contextmanager
    def count(fault: str) -> Iterator[None]:
        TRIED[fault] += 1
        yield
        SURVIVED[fault] += 1

    return count


def pytest_terminal_summary(terminalreporter):
    if TRIED:
        terminalreporter.write_line(f"\n{'tried':>5} {'survived':>8}  fault")
    for fault, tried in TRIED.items():
        terminalreporter.write_line(f"{tried:>5} {SURVIVED[fault]:>8}  {fault}")


@pytest.fixture(scope="session")
def untouched(tmp_path_factory) -> Path:
    """The tiny clone in which nothing ran yet. Only to be copied."""
    folder = tmp_path_factory.mktemp("untouched")
    make_clone(folder)
    return folder


@pytest.fixture(scope="session")
def finished(untouched, tmp_path_factory) -> Path:
    """The same after a `dvc repro` without any fault, its results committed. Only to be copied and compared with."""
    folder = copied(untouched, tmp_path_factory.mktemp("finished") / "clone")
    run(folder, "dvc", "repro")
    commit(folder, "results")
    return folder


@pytest.fixture(scope="session")
def long_finished(finished, tmp_path_factory) -> Path:
    """The finished clone after an uninterrupted run of the one long training. Only to be compared with."""
    folder = lengthen(copied(finished, tmp_path_factory.mktemp("long") / "clone"))
    run(folder, "dvc", "repro", "-s", LONG)
    return folder


@pytest.fixture
def workspace(finished, tmp_path) -> Path:
    """A copy of the finished clone to damage."""
    return copied(finished, tmp_path / "clone")


@pytest.fixture
def long_workspace(workspace) -> Path:
    """A copy of the finished clone in which one training became long enough to be interrupted, and did not run yet."""
    return lengthen(workspace)
