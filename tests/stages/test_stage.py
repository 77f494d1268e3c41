"""A stage gives its function what it stated, and ends with one line where a user can mend something."""

import os
import subprocess
import sys

import pytest
import torch
import yaml

from pipeline.config import Params
from pipeline.partition.params import PartitionParams
from pipeline.training.params import BaselinesParams
from stages.stage import Stage
from tools.dvc_yaml import ORDER, entry
from tools.imports import ROOT


@pytest.fixture(autouse=True)
def _digits(folder, make_content, monkeypatch):
    (folder / "params.yaml").write_text(yaml.safe_dump(make_content()))
    monkeypatch.setattr("sys.argv", ["stage"])


def test_too_little_memory_for_torch_is_one_line():
    with pytest.raises(SystemExit, match=r"^error: not enough memory; make compute\.micro_batch"):
        Stage().run(lambda folders, params: torch.empty(2**60), "a stage")


def test_other_errors_of_torch_are_not_hidden():
    with pytest.raises(RuntimeError, match="size of tensor"):
        Stage().run(lambda folders, params: torch.zeros(2) + torch.zeros(3), "a stage")


def test_a_terminal_without_a_letter_is_no_error():
    code = "from stages.stage import Stage\nStage().run(lambda folders, params: print('\u732b'), 'a stage')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert done.stdout.split() == [rb"\u732b"]


def test_a_stage_gets_what_it_stated_and_nothing_else():
    found = []
    Stage(reads={"seed": int, "partition": PartitionParams}).run(lambda folders, params: found.append(params), "a stage")
    assert found[0].seed == 0
    assert isinstance(found[0].partition, PartitionParams)
    with pytest.raises(AttributeError, match="does not state that it reads compute"):
        _ = found[0].compute


def test_a_stage_gets_the_values_of_a_section_that_it_stated_and_no_other():
    found = []
    Stage(reads={"baselines.trained": BaselinesParams}).run(lambda folders, params: found.append(params), "a stage")
    assert "end_to_end" in found[0].baselines.trained
    with pytest.raises(AttributeError, match="end_to_end_at"):  # which has a default
        _ = found[0].baselines.end_to_end_at


@pytest.mark.parametrize("given", [["b1"], []])
def test_a_stage_per_block_takes_its_key_from_dvc_or_the_command(given, monkeypatch):
    found = []
    monkeypatch.setattr("sys.argv", ["stage", *given])
    monkeypatch.setenv("DVC_STAGE", "some_stage@b1")
    Stage(per_block=True).run(lambda folders, params, key: found.append(key), "a stage")
    assert found == ["b1"]


@pytest.mark.parametrize("given", ["b0", "encoder", "b1;ls"])
def test_a_key_that_is_none_is_one_line(given, monkeypatch):
    monkeypatch.setattr("sys.argv", ["stage", given])
    monkeypatch.delenv("DVC_STAGE", raising=False)
    with pytest.raises(SystemExit, match=r"^error: params\.yaml: blocks has no"):
        Stage(per_block=True).run(lambda *_: None, "a stage")


def test_a_forgotten_key_is_called_so(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/stages/train_block.py"])
    monkeypatch.delenv("DVC_STAGE", raising=False)
    with pytest.raises(SystemExit, match=r"^error: the block's key is missing; give it: python -m stages\.train_block b1$"):
        Stage(per_block=True).run(lambda *_: None, "a stage")


@pytest.mark.parametrize("name", ORDER)
def test_what_a_stage_reads_is_a_parameter(name):
    for path in (path for path in entry(name).get("do", entry(name)).get("params", []) if isinstance(path, str)):
        section, _, field = path.partition(".")
        kind = Params.model_fields[section].annotation
        assert not field or field == "${key}" or field in kind.model_fields, path
