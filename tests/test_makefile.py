"""What `make setup` says before it downloads anything."""

import os
import shutil
import subprocess
import sys

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
