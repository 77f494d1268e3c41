"""The whole pipeline made tiny: a clone of this tree with small parameters, and commands run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools.imports import ROOT

TINY = {
    "data": {"source": "digits", "path": None, "image_size": 8, "split": {"train": 150, "validation": 100, "test": 60}},
    "encoding": {"time_steps": 5, "max_rate_hz": 1000.0},
    "blocks": {
        "b1": {"prev": "b0", "layers": [{"kind": "conv", "channels": 4}, {"kind": "pool", "size": 2}],
               "hidden": 8, "learning_rate": 0.01},
        "b2": {"prev": "b1", "layers": [{"kind": "residual", "channels": 4}], "hidden": 0, "learning_rate": 0.01},
    },
    "deepest": "b2",
    "features": {"mode": "cached", "realisations": 1},
    "expectations": [{"metric": "accuracy.bloctrain", "min": 0.0, "max": 1.0, "source": "any accuracy"}],
}  # fmt: skip
STAGES = 9 * 2 + 12
NOT_COPIED = ("reports/figures/", "reports/tables/", "reports/summary", "reports/validation", "dvc.lock", "tests/")


def make_clone(folder: Path) -> None:
    """Copy this tree's files (committed or not) into a git repository of their own, with tiny parameters."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(NOT_COPIED):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    content = yaml.safe_load((ROOT / "experiments/digits.yaml").read_text()) | TINY
    content["training"] |= {"epochs": 2}
    content["inference"] |= {"sample_images": 20, "latency_repeats": 1}
    content["partition"] |= {"no_hard_class": "stop", "no_easy_class": "continue"}
    write_params(folder, content)
    run(folder, "git", "init", "-q")
    commit(folder, "tiny")


def copied(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, symlinks=True))


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", message)


def write_params(folder: Path, content: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def read_params(folder: Path) -> dict:
    return yaml.safe_load((folder / "params.yaml").read_text())


def environment(folder: Path) -> dict[str, str]:
    """This environment with the interpreter's folder first on PATH, one thread, and modules from `folder`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}


def run(folder: Path, *command: str, ok: bool | None = True, **variables: str) -> str:
    """What the command prints, both streams; it must succeed, or fail where `ok` is false; None allows both."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(folder) | variables, check=False)
    assert ok in (None, done.returncode == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
