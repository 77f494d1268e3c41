"""The spread of the published numbers over seeds: `python -m studies.seeds 0 1 2 3 4 5 6 7 8 9`.

Runs the experiment in force once per seed as a DVC experiment in a workspace of its own, through DVC's queue, and
writes every number of reports/summary.json for each seed, with mean and sample standard deviation, to
reports/published/<experiment>/seeds.csv and seeds.md, with the bands that follow from them for `expectations`: where 99.7 %
of further runs fall if runs are normally distributed (a prediction interval, by Student's t: three standard deviations for
many runs, more for few, whose mean and deviation are themselves uncertain). A number that one run has alone, for want of a
baseline in the others, has no deviation and no band. What has run already comes from DVC's cache.

The same seed on another processor rounds differently and so is another training. `python -m studies.seeds --add NAME`
adds the run in force, made on the machine called NAME, to the runs that are in seeds.csv. `--runs FOLDER ...` takes finished
runs as they are, of which params.yaml and reports/summary.json are read: they must be of the experiment in force.
"""

import argparse
import json
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import t

from pipeline.base.errors import UserError
from pipeline.base.files import missing, read_json
from pipeline.config import Params, load_params
from pipeline.reporting.claims.facts import OF_NO_RESULT
from pipeline.reporting.ledger.alike import same_parameters
from studies.experiments import FOLDERS, add_jobs, as_markdown, in_one_line, require_seeds, run_experiments, show

SUMMARY = Path("reports/summary.json")
COVERAGE = 0.997  # of further runs: that of three standard deviations
TIMED = ("training_seconds", "training_time_ratio", "efficiency.measured_speedup")


def main() -> None:
    """Run the seeds, or add a run, and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="*")
    parser.add_argument("--add", metavar="NAME", help="add the run in force, made on the machine of that name")
    parser.add_argument("--runs", type=Path, nargs="+", metavar="FOLDER", help="finished runs, one per seed")
    add_jobs(parser)
    arguments = parser.parse_args()
    if sum(map(bool, (arguments.seeds, arguments.add, arguments.runs))) != 1:
        parser.error("give seeds, or --add NAME, or --runs FOLDER ...")
    if arguments.seeds:
        require_seeds(parser, arguments.seeds)
    params = load_params()
    folder = FOLDERS.published / params.experiment
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.runs:
        runs = pd.DataFrame(finished(arguments.runs, params))
    elif arguments.add:
        if not (folder / "seeds.csv").exists():
            raise missing(folder / "seeds.csv")
        runs = pd.read_csv(folder / "seeds.csv", index_col="metric").drop(columns=["mean", "std"])
        runs[f"seed {params.seed}, {arguments.add}"] = pd.Series(flatten(read_json(SUMMARY)))
    else:
        names = {f"{params.experiment}-seed-{seed}": {"seed": seed} for seed in arguments.seeds}
        summaries = [json.loads(show(ref, str(SUMMARY))) for ref in run_experiments(names, arguments.jobs).values()]
        columns = [f"seed {seed}" for seed in arguments.seeds]
        runs = pd.DataFrame({name: flatten(summary) for name, summary in zip(columns, summaries, strict=True)})
    runs = runs[[not name.startswith(TIMED) for name in runs.index]].astype(float).dropna(how="all")
    table = runs.assign(mean=runs.mean(axis=1), std=runs.std(axis=1, ddof=1))
    table.to_csv(folder / "seeds.csv", index_label="metric", float_format="%.6g", lineterminator="\n")
    heading = f"# {params.experiment} over {len(runs.columns)} runs\n\nMade by `python -m studies.seeds`.\n\n"
    lines = as_markdown(["metric", *table.columns], [[name, *row] for name, row in zip(table.index, table.values, strict=True)])
    (folder / "seeds.md").write_text(heading + lines)
    (folder / "expectations.yaml").write_text(expectations(table))
    print(lines)


def finished(folders: list[Path], params: Params) -> dict[str, dict[str, float]]:
    """The numbers of finished runs by the name of their seed.

    Raises:
        UserError: a file is missing or damaged, parameters that are not those of `params`, or a seed that is given twice.
    """
    found: dict[str, dict[str, float]] = {}
    for folder in folders:
        own = load_params(folder / "params.yaml")
        if not same_parameters(own.model_dump(mode="json"), params.model_dump(mode="json"), OF_NO_RESULT):
            raise UserError(f"{folder}/params.yaml: its parameters are not those of params.yaml; leave that run out")
        if f"seed {own.seed}" in found:
            raise UserError(f"{folder}/params.yaml: seed {own.seed} was given already; leave that run out")
        found[f"seed {own.seed}"] = flatten(read_json(folder / SUMMARY))
    if len(found) < 2:
        raise UserError(f"{folders[0]}: one run tells nothing of a spread; give at least two")
    return found


def expectations(table: pd.DataFrame) -> str:
    """Bands for params.yaml that a further run falls into, an accuracy at most 1.

    `table` has a row per metric, a column per run and the columns mean and std. Each metric's band is as wide as the number of
    runs that have it makes it: a run without some block lacks that block's numbers.
    """
    counts = table.drop(columns=["mean", "std"]).notna().sum(axis=1)
    rows = []
    for metric, row in table.iterrows():
        if str(metric).startswith(("accuracy", "efficiency")) and row["std"] > 1e-6:
            runs = int(counts[str(metric)])
            width = float(t.ppf((1 + COVERAGE) / 2, runs - 1)) * sqrt(1 + 1 / runs)
            low = floor((row["mean"] - width * row["std"]) * 1e4) / 1e4
            high = ceil((row["mean"] + width * row["std"]) * 1e4) / 1e4
            high = min(high, 1.0) if str(metric).startswith("accuracy") else high
            source = f"own, {runs} runs: mean {row['mean']:.4f}, sd {row['std']:.4f}; {100 * COVERAGE:g} % of further runs"
            rows.append(f'  - {{metric: {metric}, min: {low:.4f}, max: {high:.4f}, source: "{source}"}}\n')
    return "expectations:\n" + "".join(rows)


def flatten(content: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Dotted paths to numbers."""
    flat: dict[str, float] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            flat[f"{prefix}{key}"] = float(value)
    return flat


if __name__ == "__main__":
    in_one_line(main)
