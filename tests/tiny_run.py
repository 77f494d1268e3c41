"""A finished tiny run in a folder, made by calling the stages' functions directly: seconds, without DVC."""

import copy
import shutil
from importlib import import_module
from pathlib import Path

import yaml
from tiny_pipeline import TINY

from pipeline.base.folders import Folders
from pipeline.base.parameters import load_parameters
from pipeline.base.yaml_file import read_mapping
from tools.dvc_yaml import ORDER
from tools.imports import ROOT

FUNCTIONS = {"forward": "forward_block", "infer": "infer_stage", "account": "account_stage", "anytime": "anytime_stage"}
"""Where the function of a stage without a `main` is not named as its script."""
UP_TO_ANYTIME = ORDER[: ORDER.index("anytime") + 1]
PER_BLOCK = ORDER[ORDER.index("train_block") : ORDER.index("collect") + 1]


def tiny_content() -> dict:
    """Parameters of the run: 150 digits, six epochs, three blocks of which the last reads the first one's spikes too."""
    content = yaml.safe_load((ROOT / "experiments/digits.yaml").read_text()) | copy.deepcopy(TINY)
    b3 = {"prev": "b2", "layers": [{"kind": "conv", "channels": 4}], "residual": ["b1"], "hidden": 0, "learning_rate": 0.01}
    content["blocks"] = content["blocks"] | {"b3": b3}
    content["deepest"] = "b3"
    content["training"] |= {"epochs": 6}
    content["inference"] |= {"theta_conf": [0.3, 0.5, 1.0], "sample_images": 20, "latency_repeats": 1}
    content["partition"] |= {"threshold": {"mode": "relative", "value": 0.3}}
    content["partition"] |= {"no_hard_class": "stop", "no_easy_class": "continue"}
    content["compute"] |= {"device": "cpu"}
    return content


def run_stage(root: Path, name: str, key: str | None = None) -> None:
    """One stage, with the parameters that it states and no others."""
    module = import_module(f"stages.{name}")
    function = getattr(module, "main", None) or getattr(module, FUNCTIONS.get(name, name))
    folders = Folders(root)
    params = load_parameters(folders.params, module.STAGE.reads, key)
    function(folders, params, key) if key else function(folders, params)


def make_run(root: Path, content: dict, stages: tuple[str, ...] = UP_TO_ANYTIME) -> Path:
    """Write params.yaml and run the stages, those per block in the order of the blocks."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copytree(ROOT / "experiments", root / "experiments", dirs_exist_ok=True)
    blocks = list(read_mapping(root / "params.yaml")["blocks"])
    for name in stages:
        if name not in PER_BLOCK:
            if name == "infer":
                per_block(root, blocks, stages)
            run_stage(root, name)
    return root


def per_block(root: Path, blocks: list[str], stages: tuple[str, ...]) -> None:
    """The stages of each block, block by block."""
    for key in blocks:
        for name in stages:
            if name in PER_BLOCK:
                run_stage(root, name, key)
