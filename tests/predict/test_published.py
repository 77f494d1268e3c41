"""The networks that come with a clone: the published digits name the digits of pictures that they never saw."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.data.prepare import prepare
from pipeline.data.prepared import load_prepared
from tools.imports import ROOT

DIGITS = ROOT / "reports/published/digits"
PICTURES, RIGHT = 50, 45


@pytest.mark.slow
def test_published_digits_know_digits(tmp_path):
    params, folders = load_params(DIGITS / "params.yaml"), Folders(tmp_path)
    prepare(params.data, params.seed, folders.prepared, folders.raw)
    test = load_prepared(folders.prepared, "test")
    (tmp_path / "pictures").mkdir()
    for number in range(PICTURES):
        picture = Image.fromarray(test.images[number, 0])
        picture.save(tmp_path / f"pictures/{number:02}-{test.label[number]}.png")
    command = [sys.executable, "-m", "stages.predict", "--run", str(DIGITS), "--json", str(tmp_path / "pictures")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == PICTURES
    assert sum(answer["image"].endswith(f"-{answer['class']}.png") for answer in answers) >= RIGHT
