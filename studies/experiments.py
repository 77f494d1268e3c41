"""DVC experiments in workspaces of their own, and what they left in git: shared by seeds, thresholds and variants."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import yaml

from pipeline.base.errors import UserError
from pipeline.base.folders import Folders

FOLDERS = Folders()
"""Studies run where they are called, in a clone."""


def run_experiments(runs: dict[str, dict[str, Any]], jobs: int = 1) -> dict[str, str]:
    """Run the experiment in force once per name with the settings given (key -> value), `jobs` at a time; name -> git revision.

    Goes through DVC's queue, so anything queued before runs too. What has run already comes from DVC's cache; an experiment of
    that name on the commit at hand is taken as it is, so params.yaml must be committed. Exits with one line if it is not, or if
    a run fails.
    """
    if _git("status", "--porcelain", "params.yaml").strip():
        sys.exit("error: params.yaml has changes that are not committed; commit them, since experiments are named by the commit")
    head = _git("rev-parse", "HEAD").strip()
    refs = {name: f"refs/exps/{head[:2]}/{head[2:]}/{name}" for name in runs}
    missing = [name for name, ref in refs.items() if ref not in _experiments()]
    for name in missing:
        changes = [part for key, value in runs[name].items() for part in ("-S", f"{key}={value}")]
        _dvc("exp", "run", "--queue", "--name", name, *changes)
    if missing:
        _dvc("exp", "run", "--run-all", "--jobs", str(jobs))
    failed = [name for name, ref in refs.items() if ref not in _experiments()]
    if failed:
        sys.exit(f"error: experiment {failed[0]} failed; see `dvc queue logs {failed[0]}`")
    return refs


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The option --jobs."""
    parser.add_argument(
        "--jobs", type=int, default=1, help="experiments at a time; set compute.threads so that they fit the cores"
    )


def require_seeds(parser: argparse.ArgumentParser, seeds: list[int]) -> None:
    """At least two different ones: one tells nothing of a spread."""
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        parser.error(f"at least two different seeds are needed, not {' '.join(map(str, seeds))}")


def in_one_line(main: Callable[[], None]) -> None:
    """Run a command; what a user can mend is one line."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def show(ref: str, path: str) -> str:
    """A file as committed in a revision."""
    return _git("show", f"{ref}:{path}")


def experiments() -> dict[str, str]:
    """Name -> git revision of the DVC experiments on the commit at hand."""
    head = _git("rev-parse", "HEAD").strip()
    prefix = f"refs/exps/{head[:2]}/{head[2:]}/"
    return {ref.removeprefix(prefix): ref for ref in _experiments() if ref.startswith(prefix)}


def stages_changed(ref: str, base: str = "HEAD") -> list[str]:
    """Stages whose parameters or dependencies differ between two revisions' dvc.lock: those that had to run again."""
    new, old = (yaml.safe_load(show(revision, "dvc.lock"))["stages"] for revision in (ref, base))
    return [name for name, stage in new.items() if _inputs(stage) != _inputs(old.get(name, {}))]


def as_markdown(columns: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; floats with four significant digits, nothing for what is not there."""
    cells = [["" if pd.isna(cell) else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *cells]) + "\n"


def write_table(experiment: str, name: str, title: str, made_by: str, table: pd.DataFrame, below: str = "") -> str:
    """Write <name>.csv and <name>.md of a study into the experiment's folder in the ledger; the Markdown table."""
    folder = FOLDERS.published / experiment
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    text = as_markdown(list(table.columns), table.astype(object).values.tolist()) + below
    (folder / f"{name}.md").write_text(f"# {experiment}: {title}\n\n{made_by}\n\n{text}", encoding="utf-8")
    return text


def _experiments() -> list[str]:
    return _git("for-each-ref", "--format=%(refname)", "refs/exps").split()


def _dvc(*arguments: str) -> None:
    print("dvc", *arguments, flush=True)
    if subprocess.run(["dvc", *arguments], check=False).returncode:
        sys.exit(f"error: dvc {' '.join(arguments)} failed; its messages are above")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: git {' '.join(arguments)}: {' '.join(done.stderr.split())}")
    return done.stdout


def _inputs(stage: dict[str, Any]) -> tuple[Any, Any]:
    return stage.get("params"), stage.get("deps")
