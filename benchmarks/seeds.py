"""The spread of the published numbers over seeds: `python -m benchmarks.seeds 0 1 2 3 4`.

Runs the experiment in force once per seed as a DVC experiment in a workspace of its own (`dvc exp run --temp`), and
writes every number of reports/summary.json for each seed, with mean and sample standard deviation, to
reports/published/<experiment>/seeds.csv and seeds.md, with the bands that follow from them for `expectations`: mean plus
and minus three standard deviations. What has run already comes from DVC's cache.
"""

import argparse
import json
from math import ceil, floor
from typing import Any

import pandas as pd

from benchmarks.experiments import PUBLISHED, add_jobs, as_markdown, run_experiments, show
from pipeline.config import load_params

WIDTH = 3  # standard deviations
TIMED = ("training_seconds", "training_time_ratio", "efficiency.measured_speedup")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    add_jobs(parser)
    arguments = parser.parse_args()
    seeds = arguments.seeds
    experiment = load_params().experiment
    refs = run_experiments({f"{experiment}-seed-{seed}": {"seed": seed} for seed in seeds}, arguments.jobs)
    summaries = [flatten(json.loads(show(ref, "reports/summary.json"))) for ref in refs.values()]
    table = pd.DataFrame({f"seed {seed}": numbers for seed, numbers in zip(seeds, summaries, strict=True)})
    table = table[[not name.startswith(TIMED) for name in table.index]]
    numbers = table.astype(float)
    table = numbers.assign(mean=numbers.mean(axis=1), std=numbers.std(axis=1, ddof=1))
    folder = PUBLISHED / experiment
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "seeds.csv", index_label="metric", float_format="%.6g", lineterminator="\n")
    heading = f"# {experiment} over {len(seeds)} seeds\n\nMade by `python -m benchmarks.seeds {' '.join(map(str, seeds))}`.\n\n"
    lines = as_markdown(["metric", *table.columns], [[name, *row] for name, row in zip(table.index, table.values, strict=True)])
    (folder / "seeds.md").write_text(heading + lines)
    (folder / "expectations.yaml").write_text(expectations(table, len(seeds)))
    print(lines)


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
    main()
