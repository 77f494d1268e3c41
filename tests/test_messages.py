"""docs/messages.md quotes what the program prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.base.files import write_arrays, write_json
from pipeline.base.folders import Folders
from pipeline.config import parse_params
from pipeline.data.prepared import Manifest
from pipeline.partition.start_stage import start_stage
from tools.imports import ROOT

QUOTED = re.findall(r"```text\n(.+?)\n```", (ROOT / "docs/messages.md").read_text(encoding="utf-8"))


def quoted_number(content):
    content["blocks"]["b1"]["learning_rate"] = "0.001"
    return ["check"]


def misspelt(content):
    content["training"]["augmentations"] = "crop_flip"
    return ["check"]


def other_size(content):
    content["data"] |= {"source": "image_folder", "path": "own"}
    for folder, width in (("own/train/cat", 9), ("own/test/cat", 8)):
        Path(folder).mkdir(parents=True)
        Image.new("RGB", (width, 8)).save(f"{folder}/1.png")
    return ["prepare"]


def no_hard_class(content):
    """Two classes, one of which is recognised every other time, and a threshold of 0.4."""
    content["partition"]["threshold"] = {"mode": "absolute", "value": 0.4}
    label, found = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    Manifest("tiny", ["a", "b"], (1, 8, 8), {}, {}).save(Path("data/prepared"))
    start_stage(Folders(), parse_params(content).partition)
    write_json("runs/b1/hcd.json", {"theta_low": None, "theta_high": None, "chosen": {}})
    outputs = {"logits": np.eye(2, dtype=np.float32)[found], "classes": np.arange(2), "label": label, "index": np.arange(4)}
    for split in ("validation", "test"):
        write_arrays(f"runs/b1/outputs_{split}.npz", outputs)
    return ["partition", "b1"]


def nothing_there(content):
    return ["validate", "--strict"]


MISTAKES = (quoted_number, misspelt, other_size, no_hard_class, nothing_there)


@pytest.mark.parametrize(("quoted", "make"), list(zip(QUOTED, MISTAKES, strict=True)), ids=[make.__name__ for make in MISTAKES])
def test_each_quoted_message_is_what_is_printed(quoted, make, make_content, folder):
    content = make_content()
    stage, *arguments = make(content)
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    command = [sys.executable, "-m", f"stages.{stage}", *arguments]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == quoted
    assert [line for line in done.stderr.splitlines() if line.startswith(("error: ", "Traceback"))] == [quoted]
