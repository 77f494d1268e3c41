"""The spread of the published numbers over seeds: `python -m benchmarks.seeds 0 1 2 3 4`.

Runs the experiment in force once per seed as a DVC experiment in a workspace of its own (`dvc exp run --temp`), and
writes every number of reports/summary.json for each seed, with mean and sample standard deviation, to
reports/published/<experiment>/seeds.csv and seeds.md, with the bands that follow from them for `expectations`: mean plus
and minus three standard deviations. What has run already comes from DVC's cache.
"""

import argparse
import json
import subprocess
import sys
from math import ceil, floor
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config import load_params

PUBLISHED = Path("reports/published")
WIDTH = 3  # standard deviations
TIMED = ("training_seconds", "training_time_ratio", "efficiency.measured_speedup")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    seeds = parser.parse_args().seeds
    experiment = load_params().experiment
    columns = {f"seed {seed}": flatten(run_seed(experiment, seed)) for seed in seeds}
    table = pd.DataFrame(columns)
    table = table[[not name.startswith(TIMED) for name in table.index]]
    numbers = table.astype(float)
    table = numbers.assign(mean=numbers.mean(axis=1), std=numbers.std(axis=1, ddof=1))
    folder = PUBLISHED / experiment
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "seeds.csv", index_label="metric", float_format="%.6g", lineterminator="\n")
    heading = f"# {experiment} over {len(seeds)} seeds\n\nMade by `python -m benchmarks.seeds {' '.join(map(str, seeds))}`.\n\n"
    (folder / "seeds.md").write_text(heading + as_markdown(table))
    (folder / "expectations.yaml").write_text(expectations(table, len(seeds)))
    print(as_markdown(table))


def expectations(table: pd.DataFrame, seeds: int) -> str:
    """Bands for params.yaml: mean -+ 3 standard deviations, an accuracy at most 1."""
    rows = []
    for metric, row in table.iterrows():
        if str(metric).startswith(("accuracy", "efficiency")) and row["std"] > 1e-6:
            low = floor((row["mean"] - WIDTH * row["std"]) * 1e4) / 1e4
            high = ceil((row["mean"] + WIDTH * row["std"]) * 1e4) / 1e4
            high = min(high, 1.0) if str(metric).startswith("accuracy") else high
            source = f"own, {seeds} seeds: mean {row['mean']:.4f}, sd {row['std']:.4f}; band mean -+ {WIDTH} sd"
            rows.append(f'  - {{metric: {metric}, min: {low:.4f}, max: {high:.4f}, source: "{source}"}}\n')
    return "expectations:\n" + "".join(rows)


def run_seed(experiment: str, seed: int) -> dict[str, Any]:
    """reports/summary.json of the experiment with this seed."""
    name = f"{experiment}-seed-{seed}"
    print(f"seed {seed}: dvc exp run --temp --name {name}", flush=True)
    subprocess.run(["dvc", "exp", "run", "--temp", "--name", name, "-S", f"seed={seed}"], check=True)
    shown = subprocess.run(["git", "show", f"{revision(name)}:reports/summary.json"], check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)


def revision(name: str) -> str:
    """The git revision of the newest DVC experiment of that name."""
    newest_first = ["git", "for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps"]
    refs = subprocess.run(newest_first, check=True, capture_output=True, text=True).stdout.split()
    found = [ref for ref in refs if ref.endswith(f"/{name}")]
    return found[0] if found else sys.exit(f"error: DVC has no experiment {name}; see the messages above")


def flatten(content: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Dotted paths to numbers."""
    flat: dict[str, float] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            flat[f"{prefix}{key}"] = float(value)
    return flat


def as_markdown(table: pd.DataFrame) -> str:
    lines = ["| metric | " + " | ".join(table.columns) + " |", "|---" * (len(table.columns) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{value:.4g}" for value in row) + " |"
        for name, row in zip(table.index, table.values, strict=True)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
