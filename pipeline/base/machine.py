"""What a result was made with: commit, packages, machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError

PACKAGES = ("torch", "torchvision", "lightning-fabric", "numpy", "scikit-learn", "safetensors", "matplotlib", "jinja2", "dvc")
"""Those that can change a number or a picture."""


def git(*arguments: str, folder: Path | str = ".") -> str:
    """Output of a git command in `folder`, or an empty text where there is no repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=60, check=True, cwd=folder)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def git_trouble(folder: Path | str = ".") -> str:
    """What git itself says where it finds no commit: no repository, one of another owner, no git at all."""
    english = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=folder, env=english)
    except OSError as error:
        return f"git cannot be run: {error.strerror}"
    said = [line for line in done.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    return said[0].partition(": ")[2] if said else ""


def commit_or_modified(folder: Path | str = ".") -> str:
    """The commit at hand, marked `(modified)` where files differ from it; nothing where there is no repository.

    Files below reports/ and dvc.lock do not count: a run of the pipeline writes them itself.
    """
    changed = git("status", "--porcelain", "--", ":/", ":(top,exclude)reports", ":(top,exclude)dvc.lock", folder=folder)
    return git("rev-parse", "HEAD", folder=folder) + (" (modified)" if changed else "")


def require_committed(folder: Path | str = ".") -> str:
    """The commit of a run that is the one of the committed code and parameters.

    Raises:
        UserError: no repository, uncommitted files, no DVC, or a run that is not the one of the commit.
    """
    commit = git("rev-parse", "HEAD", folder=folder)
    if not commit:
        raise UserError(
            f"git: no commit here ({git_trouble(folder)}); publish from a clone, so that the results name the code that made them"
        )
    changed = git("status", "--porcelain", folder=folder).splitlines()
    if changed:
        raise UserError(f"git: {len(changed)} files are not committed (first: {changed[0].strip()}); commit them, then publish")
    try:
        done = subprocess.run(["dvc", "status", "--quiet"], capture_output=True, check=False, cwd=folder)
    except OSError as error:
        raise UserError(f"dvc: cannot be run ({error}); activate the environment, `source .venv/bin/activate`") from error
    if done.returncode != 0:
        raise UserError("dvc: the run is not that of the committed code and parameters (see `dvc status`); run `dvc repro` first")
    return commit


def package_versions() -> dict[str, str]:
    """Version of each of PACKAGES."""
    return {name: _version(name) for name in PACKAGES}


def machine() -> dict[str, Any]:
    """Processor, cores, memory (GiB), system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(), "cores": os.cpu_count(), "memory_gib": round(memory), "system": platform.system(),
        "python": platform.python_version(),
    }  # fmt: skip


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The name, with family and model where Linux tells them: clouds hide the rest."""
    info = Path("/proc/cpuinfo")
    pairs = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line] if info.exists() else []
    known = {key.strip(): value.strip() for key, value in reversed(pairs)}
    if "model name" not in known:
        return platform.processor() or platform.machine()
    return known["model name"] + (f" (family {known['cpu family']}, model {known['model']})" if "cpu family" in known else "")
