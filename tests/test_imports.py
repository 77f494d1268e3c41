"""Imports point one way: along the data flow, never back."""

from pathlib import Path

import pytest

from tools.imports import ROOT, direct
from tools.rooms import FLOW

BASE = {"__init__.py"}


def place(path: Path) -> int:
    """Position of a file along the flow; -1 for the modules that all of them use."""
    inside = path.relative_to(ROOT / "pipeline")
    return FLOW.index(inside.parts[0]) if len(inside.parts) > 1 else -1


def test_every_package_has_its_place():
    folders = {path.parent.relative_to(ROOT / "pipeline").parts[0] for path in (ROOT / "pipeline").glob("*/*.py")}
    assert folders == set(FLOW)
    assert {path.name for path in (ROOT / "pipeline").glob("*.py")} == BASE


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_back_along_the_flow(path):
    for imported in direct(path):
        assert imported.is_relative_to(ROOT / "pipeline"), f"{path} imports {imported}"
        assert place(imported) <= place(path), f"{path} imports {imported}, which comes after it"


def test_stages_are_thin():
    for path in set((ROOT / "stages").glob("*.py")) - {ROOT / "stages" / "stage.py"}:  # which runs the others
        assert len(path.read_text().splitlines()) <= 70, path
