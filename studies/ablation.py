"""What each ingredient of the modern recipe brings to block 1: `python -m studies.ablation --seeds 0 1 --train 10000 --epochs 6`.

Trains block 1 of the experiment in force once per ingredient taken away and seed, in folders of their own, and counts the test
images that it classifies rightly. Writes reports/published/<experiment>/ablation.csv and .md, with the paired difference to the
whole recipe. Fewer images and epochs make it short; the differences are those of a short training.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml

from pipeline.base.files import read_arrays
from pipeline.base.folders import Folders
from pipeline.config import load_params
from studies.experiments import in_one_line, require_seeds, write_table
from studies.variants import compare

WHOLE = "the whole recipe"
STEPS, READOUT = "encoding.time_steps", "training.readout_rate"
ADAM = {"training.optimizer": "adam", "training.weight_decay": 0.0, READOUT: 1.0}
"""It sets the rate of each weight by itself."""
INGREDIENTS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "Poisson input, 4 steps": {"encoding.kind": "poisson", STEPS: 4, "encoding.max_rate_hz": 1000.0},
    "one spike a step": {"neuron.levels": 1},
    "one spike a step, 4 steps": {"neuron.levels": 1, STEPS: 4},
    "2 steps": {STEPS: 2},
    "no normalisation, Adam": ADAM | {"network.norm": "none", "blocks.b1.learning_rate": 0.001},
    "Adam": ADAM | {"blocks.b1.learning_rate": 0.002},
    "readout at the full rate": {READOUT: 1.0},
    "currents of scale 1": {"network.norm_scale": 1.0},
    "constant rate": {"training.schedule": "constant"},
    "no label smoothing": {"training.label_smoothing": 0.0},
    "no weight decay": {"training.weight_decay": 0.0},
    "no crops and flips": {"training.augmentation": "none"},
    "no convolution in the classifier": {"blocks.b1.head": []},
}  # fmt: skip
"""What is changed where an ingredient is taken away, by dotted name. Without normalisation SGD at its rate does not learn, so
Adam comes with it; compare that row with Adam's."""
STAGES = (["encode"], ["start"], ["train_block", "b1"], ["forward", "b1"], ["train_hcd", "b1"])


def main() -> None:
    """Run the ablation and write its files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--train", type=int, help="training images; all by default")
    parser.add_argument("--epochs", type=int, help="epochs; the experiment's by default")
    arguments = parser.parse_args()
    require_seeds(parser, arguments.seeds)
    params = load_params()
    own = params.model_dump(mode="json")
    own["data"]["path"] = own["data"]["path"] and str(Path(own["data"]["path"]).resolve())
    own["data"]["split"]["train"] = arguments.train or own["data"]["split"]["train"]
    own["training"]["epochs"] = arguments.epochs or own["training"]["epochs"]
    with TemporaryDirectory() as folder:
        table = ablate(Path(folder), own, arguments.seeds)
    made_by = f"Made by `python -m studies.ablation {' '.join(sys.argv[1:])}`: test accuracy of block 1 alone."
    text = write_table(params.experiment, "ablation", "each ingredient taken away", made_by, table)
    print(text)


def ablate(folder: Path, own: dict[str, Any], seeds: list[int]) -> pd.DataFrame:
    """A row per ingredient: test accuracy of block 1 over seeds, in per cent, and the difference to the whole recipe."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in INGREDIENTS}
    for seed in seeds:
        prepared = folder / f"prepared-{seed}"
        _stages(prepared, changed(own, {"seed": seed}), [["prepare"]])
        for name, changes in INGREDIENTS.items():
            root = folder / "run"
            shutil.copytree(prepared, root)
            _stages(root, changed(own, {"seed": seed, **changes}), STAGES)
            outputs = read_arrays(root / "runs/b1/outputs_test.npz")
            right = 100 * float((outputs["logits"].argmax(1) == outputs["label"]).mean())
            found[name].append({"accuracy.b1": right})
            print(f"seed {seed}, {name}: {right:.2f} %", flush=True)
            shutil.rmtree(root)
    rows = compare({name: pd.DataFrame(numbers) for name, numbers in found.items()})
    return rows.drop(columns="metric").rename(columns={"setting": "taken away"})


def changed(own: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of the parameters with values put at dotted names. A readout sums over the steps, so what it learns grows by their
    square: its rate falls by that where there are more."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(own))
    if STEPS in changes and READOUT not in changes:
        more = changes[STEPS] / own["encoding"]["time_steps"]
        changes = changes | {READOUT: own["training"]["readout_rate"] / more**2}
    for name, value in changes.items():
        *sections, last = name.split(".")
        section = copy
        for part in sections:
            section = section[part]
        section[last] = value
    return copy


def _stages(root: Path, params: dict[str, Any], stages: Any) -> None:
    """Run stages by hand in a folder."""
    root.mkdir(exist_ok=True)
    Folders(root).params.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    for stage in stages:
        command = [sys.executable, "-m", f"stages.{stage[0]}", *stage[1:]]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{done.stderr.strip()}\nerror: {' '.join(stage)} failed with {params['experiment']}")


if __name__ == "__main__":
    in_one_line(main)
