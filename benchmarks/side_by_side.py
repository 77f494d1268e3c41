"""`python -m benchmarks.side_by_side`: run the stages of dvc.yaml without DVC, as many side by side as their inputs allow.

For a machine that has no DVC and is there for minutes: small networks leave most of a GPU idle, so that several trainings take
little longer than one. What it makes is taken over elsewhere, with the same code and parameters, by `dvc commit --force`; times
of trainings that shared a device are published by `python -m stages.publish --untimed`.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.run import positive
from pipeline.base.errors import UserError
from pipeline.base.yaml_file import read_mapping
from stages.stage import guard

LOGS = Path("logs")
FIRST = ("train_block", "forward", "train_hcd", "partition")
"""Stages of which one block waits for another's: they go first."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=positive, default=8, help="stages at a time (default 8)")
    parser.add_argument("--done", default="$.", metavar="REGEX", help="stages that have run already")
    parser.add_argument("--without", default="$.", metavar="REGEX", help="stages to leave out")
    given = parser.parse_args()
    stages = {name: stage for name, stage in read_stages().items() if not re.match(given.without, name)}
    run(stages, {name for name in stages if re.match(given.done, name)}, given.jobs)


def read_stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml by DVC's names, with `needs`, the stages that must have run, and `makes`, their files."""
    params = read_mapping(Path("params.yaml"))
    found: dict[str, dict[str, Any]] = {}
    for name, stage in read_mapping(Path("dvc.yaml"))["stages"].items():
        each = params["blocks"].items() if "foreach" in stage else [("", {})]
        for key, item in each:
            one = stage.get("do", stage)

            def filled(entries: list[Any], key: str = key, item: Any = item) -> list[str]:
                paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
                known = {"key": key, "deepest": params["deepest"], **{f"item.{part}": value for part, value in item.items()}}
                return [re.sub(r"\$\{([^}]+)\}", lambda match: str(known[match.group(1)]), path) for path in paths]

            makes = [path for kind in ("outs", "metrics", "plots") for path in filled(one.get(kind, []))]
            found[f"{name}@{key}" if key else name] = {
                "command": one["cmd"].split()[1:], "reads": filled(one.get("deps", [])), "makes": makes,
            }  # fmt: skip
    maker = {path: name for name, stage in found.items() for path in stage["makes"]}
    for stage in found.values():
        stage["needs"] = {
            name for read in stage["reads"] for path, name in maker.items() if read == path or read.startswith(path + "/")
        }
    return found


def run(stages: dict[str, dict[str, Any]], done: set[str], jobs: int) -> None:
    """Run what is not done; each stage's messages go to logs/<stage>.

    Raises:
        UserError: a stage failed. Those under way are waited for.
    """
    LOGS.mkdir(exist_ok=True)
    running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
    failed, start = "", time.monotonic()
    while True:
        for name, (process, began) in list(running.items()):
            if process.poll() is not None:
                del running[name]
                print(f"{time.monotonic() - start:7.1f} s: {name} took {time.monotonic() - began:.1f} s", flush=True)
                done, failed = (done | {name}, failed) if process.returncode == 0 else (done, failed or name)
        ready = [name for name in stages if name not in done | set(running) and stages[name]["needs"] & set(stages) <= done]
        for name in sorted(ready, key=lambda name: (not name.startswith(FIRST), name))[: 0 if failed else jobs - len(running)]:
            running[name] = start_stage(name, stages[name]), time.monotonic()
        if not running:
            break
        time.sleep(0.1)
    if failed:
        raise UserError(f"stage {failed} failed; its messages are in {LOGS / failed}")


def start_stage(name: str, stage: dict[str, Any]) -> subprocess.Popen[bytes]:
    """What the stage makes is removed first, as DVC does."""
    for path in stage["makes"]:
        subprocess.run(["rm", "-rf", path], check=True)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with (LOGS / name).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, *stage["command"]], stdout=log, stderr=log, env={**os.environ, "DVC_STAGE": name}
        )


if __name__ == "__main__":
    guard(main)
