"""What the hardness threshold changes (section 6.1): `python -m studies.thresholds -1 -0.5 0 0.5 1`.

Runs the experiment in force once per value of partition.threshold.value, as DVC experiments, so that only the stages behind
the partition run again. Per threshold: hard classes, accuracy, compute and memory of inference, the stages that had to run
again, and the share of the training time saved, of all methods trained and of BlocTrain alone. Prints the settings of the
threshold and of theta_conf that validation accuracy and cost recommend, and writes
reports/published/<experiment>/thresholds.csv, .md and .png.
"""

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.analysis.plot import DPI, OKABE_ITO, new_figure, style
from pipeline.config import load_params
from pipeline.reporting.claims.experiments import ALLOWED_DROP
from studies.experiments import FOLDERS, add_jobs, as_markdown, in_one_line, run_experiments, show, stages_changed

TRAINING = {"train_block": "BlocTrain", "train_base": "BlocTrain-base", "train_end_to_end": "end-to-end"}
ACCURACY_SPAN = 2.5
"""Points of accuracy drawn above and below the mean: about what chance makes of one training (`accuracy_noise`)."""


def main() -> None:
    """Run the study and write its files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("values", type=float, nargs="+", help="values of partition.threshold.value")
    add_jobs(parser)
    arguments = parser.parse_args()
    values = arguments.values
    params = load_params()
    settings = {f"{params.experiment}-threshold-{value:g}": {"partition.threshold.value": value} for value in values}
    refs = run_experiments(settings, arguments.jobs)
    rows, tradeoffs = [], []
    for value, ref in zip(values, refs.values(), strict=True):
        row, tradeoff = describe(value, ref)
        rows.append(row)
        tradeoffs.append(tradeoff.assign(threshold=value))
    table = pd.DataFrame(rows)
    text = recommend(pd.concat(tradeoffs, ignore_index=True))
    folder = FOLDERS.published / params.experiment
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "thresholds.csv", index=False, float_format="%.6g", lineterminator="\n")
    made_by = f"Made by `python -m studies.thresholds {' '.join(f'{value:g}' for value in values)}`."
    lines = as_markdown(list(table.columns), table.values.tolist())
    mode = params.partition.threshold.mode
    (folder / "thresholds.md").write_text(
        f"# {params.experiment}: the {mode} hardness threshold\n\n{made_by}\n\n{lines}\n{text}\n"
    )
    with style():
        draw(table, folder / "thresholds.png")
    print(lines, text, sep="\n")


def describe(value: float, ref: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """One row of the table, and BlocTrain's trade-off over theta_conf."""
    summary = json.loads(show(ref, "reports/summary.json"))
    tradeoff = pd.read_csv(io.StringIO(show(ref, "reports/tables/tradeoff.csv")))
    own = tradeoff[tradeoff["method"] == "BlocTrain"]
    validation = own[(own["split"] == "validation") & (own["theta_conf"] == 1.0)]["accuracy"]
    seconds = {
        (row["method"], row["block"]): float(row["seconds"] or 0)
        for row in csv.DictReader(io.StringIO(show(ref, "reports/tables/training_time.csv")))
    }
    stages = [name for name in stages_changed(ref) if name.split("@")[0] in TRAINING]
    again = sum(seconds[TRAINING[name], key] for name, key in (stage.split("@") for stage in stages))
    own_seconds = sum(value for (method, _), value in seconds.items() if method == "BlocTrain")
    return {
        "threshold": value,
        "hard classes": " / ".join(str(block["hard"]) for block in summary["partition"].values()),
        "left at": " / ".join(f"{100 * share:.2f}" for share in summary["exits"].values()),
        "test accuracy": summary["accuracy"]["bloctrain"],
        "validation accuracy": float(validation.iloc[0]) if len(validation) else float("nan"),
        "compute efficiency": summary["efficiency"]["compute"],
        "memory overhead": summary["efficiency"]["memory_overhead"],
        "trained again": " ".join(stages) or "nothing",
        "saved of all training time": 1 - again / sum(seconds.values()),
        "saved of BlocTrain's": 1 - again / own_seconds,
    }, own


def recommend(tradeoff: pd.DataFrame) -> str:
    """The threshold and theta_conf of least compute whose validation accuracy is within ALLOWED_DROP of the best, in words."""
    validation = tradeoff[tradeoff["split"] == "validation"]
    allowed = validation[validation["accuracy"] >= validation["accuracy"].max() - ALLOWED_DROP]
    best = allowed.loc[allowed["compute_efficiency"].idxmax()]
    same = (tradeoff["threshold"] == best["threshold"]) & (tradeoff["theta_conf"] == best["theta_conf"])
    test = tradeoff[same & (tradeoff["split"] == "test")].iloc[0]
    return (
        f"Recommended from validation (within {100 * ALLOWED_DROP:g} points of the best accuracy, least compute): threshold "
        f"{best['threshold']:g}, theta_conf {best['theta_conf']:.10g}; on the test images accuracy "
        f"{100 * test['accuracy']:.2f} %, compute efficiency {test['compute_efficiency']:.2f}, "
        f"memory overhead {test['memory_overhead']:.2f}."
    )


def draw(table: pd.DataFrame, path: Path) -> None:
    """Accuracy, compute and memory against the threshold."""
    figure, axes = new_figure(3, 1, height=5.0)
    panels = {
        "test accuracy": "test accuracy (%)",
        "compute efficiency": "compute efficiency",
        "memory overhead": "memory overhead",
    }
    for axis, (column, label) in zip(axes, panels.items(), strict=True):
        values = table[column] * (100 if column == "test accuracy" else 1)
        axis.plot(table["threshold"], values, "o-", color=OKABE_ITO["blue"])
        axis.set_ylabel(label)
        if column == "test accuracy":  # a span that holds the noise, so that none of it looks like a finding
            axis.set_ylim(float(values.mean()) - ACCURACY_SPAN, float(values.mean()) + ACCURACY_SPAN)
    axes[-1].set_xlabel("threshold (std from the mean)")
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    in_one_line(main)
