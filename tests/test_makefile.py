"""What `make setup` says before it downloads anything."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.imports import ROOT


def setup(folder):
    """`make setup` where nothing can be downloaded: in a folder with the files it needs and no more."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_an_unpacked_archive_is_told_first_what_it_lacks(tmp_path):
    done = setup(tmp_path)
    assert done.returncode
    assert "not a git repository" in done.stderr
    assert "git init && git add -A && git commit" in done.stdout
    assert not (tmp_path / ".venv").exists()


def make(folder, *arguments, **env):
    """The lines that `make` gives in a folder that has the Makefile, and a .venv/bin first on its path."""
    shutil.copy(ROOT / "Makefile", folder / "Makefile")
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_clean_forgets_the_images_that_were_read_and_keeps_trained_networks(tmp_path):
    tmp_path = tmp_path / "a folder"
    tmp_path.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("prepare", "train_block"):
        file = tmp_path / ".dvc/cache/runs/ab/abc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"cmd: python -m stages.{name}\n")
    (tmp_path / "runs").mkdir()
    for _ in range(2):  # the second finds nothing to forget
        make(tmp_path, "clean")
    assert not (tmp_path / "runs").exists()
    assert [path.name for path in (tmp_path / ".dvc/cache/runs/ab/abc").iterdir()] == ["train_block"]


def test_stages_run_in_a_shell_that_exists_whatever_the_users_is(tmp_path):
    (tmp_path / "more.mk").write_text("include Makefile\nsay: ; @env | grep ^SHELL=\n")
    assert make(tmp_path, "-f", "more.mk", "say", SHELL="/usr/sbin/nologin") == ["SHELL=/bin/sh"]


PIP = """#!/bin/sh
echo "$@" >> ASKED
case "$*" in *download.pytorch.org*) echo unreachable >&2; exit $UNREACHABLE;; esac
"""


@pytest.mark.parametrize(("torch", "unreachable", "installs"), [("", "0", 1), ("cpu", "0", 2), ("cpu", "1", 2)])
def test_torch_without_cuda_is_asked_for_alone_and_may_be_missing(torch, unreachable, installs, tmp_path):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.replace("ASKED", str(tmp_path / "asked")))
    python.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    lines = make(tmp_path, "setup", f"TORCH={torch}", f"PYTHON={sys.executable}", UNREACHABLE=unreachable)
    asked = [line for line in (tmp_path / "asked").read_text().splitlines() if " install " in line]
    assert len(asked) == installs and "-e .[dev]" in asked[-1] and "download" not in asked[-1]
    assert any("taking the larger one" in line for line in lines) == (unreachable == "1")
