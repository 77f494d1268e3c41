"""What a choice of parameters changes, against the noise of seeds:

    python -m studies.variants precision "compute.precision='32'" compute.precision=bf16 --seeds 0 1 2

Runs the experiment in force once per setting and seed, as DVC experiments, and writes mean and standard deviation of each
accuracy and efficiency, and the difference to the first setting with its standard error over the paired seeds, to
reports/published/<experiment>/variants-<name>.md and .csv. A setting of several parameters joins them by commas, and may hold
flat lists. A difference that Student's t calls no clearer than 5 % of chance (paired, two-sided) is called no difference.
"""

import argparse
import hashlib
import json
import re
import shlex
from math import sqrt
from typing import Any

import pandas as pd
from scipy.stats import t

from pipeline.config import load_params
from studies.experiments import add_jobs, in_one_line, require_seeds, run_experiments, show, write_table
from studies.seeds import TIMED, flatten

METRICS = ("accuracy.", "efficiency.")
CHANCE = 0.05


def main() -> None:
    """Run the comparison and write its files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="of the comparison")
    parser.add_argument("settings", nargs="+", help="key=value[,key=value]; the first is what the others are compared with")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add_jobs(parser)
    arguments = parser.parse_args()
    require_seeds(parser, arguments.seeds)
    if wrong := [part for setting in arguments.settings for part in _parts(setting) if "=" not in part]:
        parser.error(f"{wrong[0]} is not key=value")
    experiment = load_params().experiment
    cases = [(setting, seed) for setting in arguments.settings for seed in arguments.seeds]
    refs = run_experiments({_name(experiment, *case): _changes(*case) for case in cases}, arguments.jobs)
    runs: dict[str, list[dict[str, float]]] = {setting: [] for setting in arguments.settings}
    for setting, seed in cases:
        summary = json.loads(show(refs[_name(experiment, setting, seed)], "reports/summary.json"))
        runs[setting].append(flatten(summary))
    rows = compare({setting: pd.DataFrame(numbers) for setting, numbers in runs.items()})
    seeds = " ".join(map(str, arguments.seeds))
    made_by = f"Made by `python -m studies.variants {arguments.name} {shlex.join(arguments.settings)} --seeds {seeds}`."
    text = write_table(experiment, f"variants-{arguments.name}", arguments.name, made_by, rows, f"\n{by_chance(rows)}\n")
    print(text)


def compare(runs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per metric and setting: mean and deviation over seeds (the rows of each frame), and the paired difference."""
    first = next(iter(runs.values()))
    rows: list[dict[str, Any]] = []
    for metric in first.columns:
        if not metric.startswith(METRICS) or metric.startswith(TIMED) or any(metric not in table for table in runs.values()):
            continue
        for setting, table in runs.items():
            difference = table[metric] - first[metric]
            error = float(difference.std(ddof=1)) / sqrt(len(difference)) if len(difference) > 1 else float("nan")
            mean = float(difference.mean())
            limit = float(t.ppf(1 - CHANCE / 2, len(difference) - 1)) * error
            clear = "" if table is first else "differs" if abs(mean) > limit else "no difference"
            rows.append({
                "metric": metric, "setting": setting,
                "mean": float(table[metric].mean()), "std": float(table[metric].std(ddof=1)),
                "difference": mean, "standard error": error, "verdict": clear,
            })  # fmt: skip
    return pd.DataFrame(rows)


def by_chance(rows: pd.DataFrame) -> str:
    """How many comparisons differ, beside how many would if no setting changed anything.

    A number that is the same in every run cannot differ, and one that is another by definition (accuracy at full depth) counts
    once.
    """
    compared = rows[rows["verdict"] != ""]
    varies = (compared["standard error"] > 0) | (compared["difference"] != 0)
    verdicts = compared[varies].drop_duplicates(["setting", "mean", "std", "difference"])["verdict"]
    found, chance = (verdicts == "differs").sum(), CHANCE * len(verdicts)
    return (f"{found} of {len(verdicts)} comparisons differ; by chance alone some {chance:.1f} would, more or less, for they are "
            "not independent.")  # fmt: skip


def _name(experiment: str, setting: str, seed: int) -> str:
    """A name that DVC takes; what it cannot hold, such as a sign, is told apart by the digest."""
    digest = hashlib.sha256(setting.encode()).hexdigest()[:6]
    return f"{experiment}-{re.sub(r'[^A-Za-z0-9]+', '-', setting)}-{digest}-seed-{seed}"


def _changes(setting: str, seed: int) -> dict[str, Any]:
    return dict(part.split("=", 1) for part in _parts(setting)) | {"seed": seed}


def _parts(setting: str) -> list[str]:
    """The parameters of a setting: between commas, but for those of a flat list in brackets."""
    return re.split(r",(?![^\[]*\])", setting)


if __name__ == "__main__":
    in_one_line(main)
