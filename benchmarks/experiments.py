"""DVC experiments in a workspace of their own, and what they left in git: shared by seeds, thresholds and variants."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

PUBLISHED = Path("reports/published")


def run_experiment(name: str, settings: dict[str, Any]) -> str:
    """Run the experiment in force with `settings` changed (`dvc exp run --temp`) and return its git revision.

    What has run before comes from DVC's cache; an experiment of that name on the commit at hand is taken as it is.
    """
    head = _git("rev-parse", "HEAD").strip()
    ref = f"refs/exps/{head[:2]}/{head[2:]}/{name}"
    changes = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    print(f"dvc exp run --temp --name {name} {' '.join(changes)}", flush=True)
    if ref not in _git("for-each-ref", "--format=%(refname)", "refs/exps").split():
        done = subprocess.run(["dvc", "exp", "run", "--temp", "--name", name, *changes], check=False)
        if done.returncode:
            sys.exit(f"error: experiment {name} failed; DVC's messages are above")
    return ref


def show(ref: str, path: str) -> str:
    """A file as committed in a revision."""
    return _git("show", f"{ref}:{path}")


def stages_changed(ref: str, base: str = "HEAD") -> list[str]:
    """Stages whose parameters or dependencies differ between two revisions' dvc.lock: those that had to run again."""
    new, old = (yaml.safe_load(show(revision, "dvc.lock"))["stages"] for revision in (ref, base))
    return [name for name, stage in new.items() if _inputs(stage) != _inputs(old.get(name, {}))]


def as_markdown(columns: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; floats with four significant digits."""
    cells = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *cells]) + "\n"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def _inputs(stage: dict[str, Any]) -> tuple[Any, Any]:
    return stage.get("params"), stage.get("deps")
