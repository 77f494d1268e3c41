"""Stages run side by side without DVC: in the order that their files ask for."""

import shutil
from pathlib import Path

import pytest

from benchmarks.side_by_side import read_stages, run
from tools.imports import ROOT

WRITE = "from pathlib import Path\nPath('{}').write_text(Path('{}').read_text() + '{}')\n"


@pytest.fixture
def real(folder):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return read_stages()


def test_needs_of_the_projects_stages(real):
    assert real["train_block@b1"]["needs"] == {"code", "prepare", "encode", "start"}
    assert real["train_block@b2"]["needs"] == {"code", "prepare", "encode", "forward@b1", "partition@b1"}
    assert real["forward@b2"]["needs"] >= {"train_block@b2", "forward@b1", "partition@b1"}
    assert real["collect@b3"]["needs"] >= {"collect@b2", "forward_end_to_end@b3"}
    assert "collect@b3" in real["infer"]["needs"]
    assert real["train_base@b1"]["makes"] == [
        "runs/b1/base/block.safetensors",
        "runs/b1/base/timing.json",
        "runs/b1/base/history.csv",
    ]


@pytest.fixture
def toy(folder, monkeypatch):
    """Three stages in a row, a -> b -> c, written in another order."""
    Path("start").write_text("")
    for name, reads in (("a", "start"), ("b", "a.txt"), ("c", "b.txt")):
        Path(f"{name}.py").write_text(WRITE.format(f"{name}.txt", reads, name))
    stages = "".join(
        f"  {name}: {{cmd: python -m {name}, deps: [{reads}], outs: [{name}.txt]}}\n"
        for name, reads in (("c", "b.txt"), ("b", "a.txt"), ("a", "start"))
    )
    Path("dvc.yaml").write_text("stages:\n" + stages)
    Path("params.yaml").write_text("blocks: {}\ndeepest: b0\n")
    return read_stages()


def test_in_the_order_of_their_files(toy):
    run(toy, set(), 4)
    assert Path("c.txt").read_text() == "abc"


def test_what_is_done_is_not_run_again(toy):
    Path("a.txt").write_text("A")
    run(toy, {"a"}, 1)
    assert Path("c.txt").read_text() == "Abc"


def test_a_failing_stage_ends_in_one_line_and_nothing_behind_it_runs(toy, refusal):
    Path("b.py").write_text("raise SystemExit('no')\n")
    Path("c.txt").write_text("of before")
    assert refusal(run, toy, set(), 2) == f"stage b failed; its messages are in {Path('logs/b')}"
    assert Path("logs/b").read_text().strip() == "no"
    assert Path("c.txt").read_text() == "of before"
