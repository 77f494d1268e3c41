"""Errors of a stage as one line."""

import pytest
import torch
import yaml
from stages.command import run_stage


@pytest.fixture(autouse=True)
def _digits(folder, make_content, monkeypatch):
    (folder / "params.yaml").write_text(yaml.safe_dump(make_content()))
    monkeypatch.setattr("sys.argv", ["stage"])


def test_too_little_memory_for_torch_is_one_line():
    with pytest.raises(SystemExit, match=r"^error: not enough memory; make compute\.micro_batch"):
        run_stage(lambda params: torch.empty(2**60), "a stage")


def test_other_errors_of_torch_are_not_hidden():
    with pytest.raises(RuntimeError, match="size of tensor"):
        run_stage(lambda params: torch.zeros(2) + torch.zeros(3), "a stage")
