"""What a choice of parameters changes, against the noise of seeds:

    python -m benchmarks.variants precision --seeds 0 1 2 compute.precision=32 compute.precision=bf16

Runs the experiment in force once per setting and seed, as DVC experiments, and writes mean and standard deviation of each
accuracy and efficiency, and the difference to the first setting with its standard error over the paired seeds, to
reports/published/<experiment>/variants-<name>.md and .csv. A setting of several parameters joins them by commas. A difference
within two standard errors is called no difference.
"""

import argparse
import json
from math import sqrt
from typing import Any

import pandas as pd

from benchmarks.experiments import PUBLISHED, as_markdown, run_experiment, show
from benchmarks.seeds import TIMED, flatten
from pipeline.config import load_params

METRICS = ("accuracy.", "efficiency.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="of the comparison")
    parser.add_argument("settings", nargs="+", help="key=value[,key=value]; the first is what the others are compared with")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    experiment = load_params().experiment
    runs = {setting: [_numbers(experiment, setting, seed) for seed in arguments.seeds] for setting in arguments.settings}
    rows = compare({setting: pd.DataFrame(numbers) for setting, numbers in runs.items()})
    folder = PUBLISHED / experiment
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / f"variants-{arguments.name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    seeds = " ".join(map(str, arguments.seeds))
    made_by = f"Made by `python -m benchmarks.variants {arguments.name} --seeds {seeds} {' '.join(arguments.settings)}`."
    lines = as_markdown(list(rows.columns), rows.values.tolist())
    (folder / f"variants-{arguments.name}.md").write_text(f"# {experiment}: {arguments.name}\n\n{made_by}\n\n{lines}")
    print(lines)


def compare(runs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per metric and setting: mean and deviation over seeds (the rows of each frame), and the paired difference."""
    first = next(iter(runs.values()))
    rows: list[dict[str, Any]] = []
    for metric in first.columns:
        if not metric.startswith(METRICS) or metric.startswith(TIMED):
            continue
        for setting, table in runs.items():
            difference = table[metric] - first[metric]
            error = float(difference.std(ddof=1)) / sqrt(len(difference)) if len(difference) > 1 else float("nan")
            mean = float(difference.mean())
            clear = "" if table is first else "differs" if abs(mean) > 2 * error else "no difference"
            rows.append({
                "metric": metric, "setting": setting,
                "mean": float(table[metric].mean()), "std": float(table[metric].std(ddof=1)),
                "difference": mean, "standard error": error, "verdict": clear,
            })  # fmt: skip
    return pd.DataFrame(rows)


def _numbers(experiment: str, setting: str, seed: int) -> dict[str, float]:
    changes = dict(part.split("=", 1) for part in setting.split(","))
    name = f"{experiment}-{setting.replace('=', '-').replace(',', '-').replace('.', '-')}-seed-{seed}"
    return flatten(json.loads(show(run_experiment(name, changes | {"seed": str(seed)}), "reports/summary.json")))


if __name__ == "__main__":
    main()
