"""What the weight of the earlier blocks' logits changes (`partition.earlier_logits`): `python -m studies.earlier_logits 0 0.5 1`.

Replays Algorithm 3 on the stored outputs of the run in force, once per weight: milliseconds, nothing is trained. The partitions
stay those that the run made with its own weight. Per method and depth: validation and test accuracy, the last block letting
everyone out. Choose by validation. BlocTrain-base learned from the validation images, so it has test accuracies alone. Writes
reports/published/<experiment>/earlier_logits.csv and .md.
"""

import argparse
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.analysis.table import NAMES
from pipeline.base.folders import BLOCK_WISE
from pipeline.config import load_params
from pipeline.config.experiment import Params
from pipeline.data.prepared import load_manifest
from pipeline.inference.infer_stage import EVALUATED
from pipeline.inference.params import thresholds
from pipeline.inference.stored import stored_votes
from pipeline.inference.sweep import accuracy_by_depth
from studies.experiments import FOLDERS, in_one_line, write_table


def main() -> None:
    """Replay, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=float, nargs="+", help="values of partition.earlier_logits")
    weights = parser.parse_args().weights
    if any(not 0 <= weight <= 1 for weight in weights):
        parser.error("a weight lies from 0 to 1")
    params = load_params()
    made_by = f"Made by `python -m studies.earlier_logits {' '.join(f'{weight:g}' for weight in weights)}`."
    title = "the weight of the earlier blocks' logits"
    print(write_table(params.experiment, "earlier_logits", title, made_by, pd.DataFrame(study(params, weights))))


def study(params: Params, weights: list[float]) -> list[dict[str, Any]]:
    """A row per method, depth and weight; accuracies in percent."""
    rows: list[dict[str, Any]] = []
    classes, keys = load_manifest(FOLDERS.prepared).classes, list(params.blocks)
    for method in (name for name in BLOCK_WISE if name in ("bloctrain", *params.baselines.trained)):
        votes = {split: stored_votes(FOLDERS, params, method, split) for split in EVALUATED[method]}
        for weight in weights:
            found = {}
            for split, (one, label) in votes.items():
                weighted = [replace(vote, earlier=weight) for vote in one]
                theta_conf = thresholds(params.inference.theta_conf, len(one))
                found[split] = accuracy_by_depth(weighted, label, classes, theta_conf)
            for depth, key in enumerate(keys[: len(found["test"])]):
                accuracies = {f"{split} accuracy": 100 * found[split][depth] for split in found}
                rows.append({"method": NAMES[method], "up to block": key, "weight": weight, **accuracies})
    return rows


if __name__ == "__main__":
    in_one_line(main)
