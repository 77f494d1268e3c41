"""The embedded experiment on the GPU in one process, without DVC: do its numbers fall into the bands of the CPU's ten seeds?"""

import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.base.folders import Folders
from pipeline.base.parameters import load_parameters

ROOT = Path(__file__).parents[1]
ONCE = ("prepare", "encode", "start")
PER_BLOCK = (
    "train_block", "forward", "train_hcd", "partition", "train_base", "forward_base", "train_end_to_end", "forward_end_to_end",
    "collect",
)  # fmt: skip
LAST = ("infer", "account")


def digits(device: str = "cuda", epochs: int | None = None) -> dict[str, Any]:
    """`in_band` of `checked` expectations on accuracy and efficiency, and the numbers."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        content = yaml.safe_load((ROOT / "experiments/digits.yaml").read_text(encoding="utf-8"))
        content["compute"] |= {"device": device}
        content["training"] |= {"epochs": epochs or content["training"]["epochs"]}
        (Path(folder) / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        shutil.copytree(ROOT / "experiments", Path(folder) / "experiments")
        os.chdir(folder)
        try:
            _run(list(content["blocks"]))
            return _judged(Folders(), content["expectations"])
        finally:
            os.chdir(before)


def _run(keys: list[str]) -> None:
    folders = Folders()
    for name in (*ONCE, *(f"{name}@{key}" for key in keys for name in PER_BLOCK), *LAST):
        script, _, key = name.partition("@")
        module = import_module(f"stages.{script}")
        main = getattr(module, "main", None) or getattr(module, STEPS[script])
        main(folders, load_parameters(folders.params, module.STAGE.reads, key or None), *([key] if key else []))


STEPS = {
    "train_block": "train_block", "forward": "forward_block", "train_base": "train_base", "forward_base": "forward_base",
    "train_end_to_end": "train_end_to_end", "forward_end_to_end": "forward_end_to_end", "infer": "infer_stage",
    "account": "account_stage",
}  # fmt: skip
"""What a script calls where it has no `main` of its own."""


def _judged(folders: Folders, expectations: list[dict[str, Any]]) -> dict[str, Any]:
    depths = pd.read_csv(folders.runs / "accuracy_by_depth.csv").set_index("block")
    cost = pd.read_csv(folders.runs / "accounting/inference.csv").set_index("method")
    numbers = {
        "accuracy.bloctrain": cost["accuracy"]["bloctrain"], "accuracy.bloctrain_base": cost["accuracy"]["bloctrain_base"],
        "accuracy.end_to_end": cost["accuracy"]["end_to_end"],
        "efficiency.compute": cost["compute_efficiency"]["bloctrain"],
        "efficiency.memory_overhead": cost["memory_overhead"]["bloctrain"],
        **{f"accuracy.by_depth.{method}.{key}": depths[method][key] for method in ("bloctrain", "bloctrain_base", "end_to_end")
           for key in depths.index},
    }  # fmt: skip
    known = {name: float(value) for name, value in numbers.items() if not np.isnan(value)}
    checked = [one for one in expectations if one["metric"] in known]
    outside = [one["metric"] for one in checked if not one.get("min", -np.inf) <= known[one["metric"]] <= one.get("max", np.inf)]
    return {"checked": len(checked), "in_band": len(checked) - len(outside), "outside": outside, "numbers": known}
