"""Where a result comes from: code, parameters, data, packages, machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.reporting.results import Results

PACKAGES = ("torch", "torchvision", "lightning-fabric", "numpy", "scikit-learn", "safetensors", "matplotlib", "jinja2", "dvc")


def git(*arguments: str) -> str:
    """Output of a git command, or an empty text where there is no repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def clean_commit() -> str:
    """The commit of a working folder without changes.

    Raises:
        UserError: no repository, or files differ from the commit.
    """
    commit = git("rev-parse", "HEAD")
    if not commit:
        raise UserError("git: no commit here; publish from a clone, so that the results name the code that made them")
    changed = git("status", "--porcelain").splitlines()
    if changed:
        raise UserError(f"git: {len(changed)} files are not committed (first: {changed[0].strip()}); commit them, then publish")
    return commit


def package_versions() -> dict[str, str]:
    """Version of each package that can change a number or a picture."""
    return {name: _version(name) for name in PACKAGES}


def machine() -> dict[str, Any]:
    """Processor, cores, memory (GiB), system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(), "cores": os.cpu_count(), "memory_gib": round(memory), "system": platform.system(),
        "python": platform.python_version(),
    }  # fmt: skip


def provenance(results: Results, commit: str) -> dict[str, Any]:
    """Everything that a stranger needs to know what was run, and to run it again."""
    return {
        "experiment": results.params.experiment,
        "commit": commit,
        "parameters": results.params.model_dump(mode="json"),
        "data": {key: results.manifest[key] for key in ("source", "image_shape", "counts", "sha256_of_pixels")},
        "packages": package_versions(),
        "machine": machine(),
        "training_seconds": {f"{row['method']}.{row['block']}": row["seconds"] for row in results.times},
        "published_by": "python -m stages.publish",
    }


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
