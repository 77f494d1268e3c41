"""Put the finished run in force into the ledger: its entry, its predictions and, where they are small, its networks."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.errors import UserError
from pipeline.base.files import atomic_folder, read_arrays, read_json, write_arrays, write_json
from pipeline.base.folders import METHODS, Folders
from pipeline.base.machine import git, machine, package_versions
from pipeline.config import Params
from pipeline.inference.params import thresholds
from pipeline.partition.exit_rule import BlockVote, replay
from pipeline.partition.votes import load_outputs
from pipeline.reporting.ledger.check import PREDICTIONS, check_predictions
from pipeline.reporting.ledger.entry import FILE, Entry
from pipeline.reporting.results import Results

LARGEST = 10_000_000
"""Bytes that the networks of an entry may have together."""


def require_committed(folders: Folders) -> str:
    """The commit of a run that is the one of the committed code and parameters.

    Raises:
        UserError: no repository, uncommitted files, no DVC, or a run that is not the one of the commit.
    """
    commit = git("rev-parse", "HEAD", folder=folders.root)
    if not commit:
        raise UserError("git: no commit here; publish from a clone, so that the results name the code that made them")
    changed = git("status", "--porcelain", folder=folders.root).splitlines()
    if changed:
        raise UserError(f"git: {len(changed)} files are not committed (first: {changed[0].strip()}); commit them, then publish")
    try:
        done = subprocess.run(["dvc", "status", "--quiet"], capture_output=True, check=False, cwd=folders.root)
    except OSError as error:
        raise UserError(f"dvc: cannot be run ({error}); activate the environment, `source .venv/bin/activate`") from error
    if done.returncode != 0:
        raise UserError("dvc: the run is not that of the committed code and parameters (see `dvc status`); run `dvc repro` first")
    return commit


def publish(results: Results, entry: Entry, commit: str, draw: Callable[[Path], None]) -> Path:
    """Write the folder of the run in force and return it. `draw` writes tables, figures and checks into the folder it is given.

    Raises:
        UserError: predictions do not give the accuracies of the summary. The entry that was there stays as it was.
    """
    folders, arrays = results.folders, predictions(results)
    entry = replace(entry, provenance=provenance(results, commit))
    differences = check_predictions(entry, arrays)
    if differences:
        raise UserError(differences[0])
    target = folders.published / entry.name
    with atomic_folder(target) as folder:
        draw(folder)
        write_json(folder / FILE, entry.to_json())
        write_arrays(folder / PREDICTIONS, arrays)
        shutil.copyfile(folders.params, folder / "params.yaml")
        print(copy_networks(folders, list(results.params.blocks), folder))
        for path in target.glob("*"):  # what other commands wrote: seeds, thresholds, variants
            if path.is_file() and not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
    return target


def provenance(results: Results, commit: str) -> dict[str, Any]:
    """What a stranger needs to know, beside the parameters, of what was run."""
    return {
        "commit": commit,
        "data": {key: results.manifest[key] for key in ("source", "image_shape", "counts", "sha256_of_pixels")},
        "packages": package_versions(),
        "machine": machine(),
        "training_seconds": {f"{row['method']}.{row['block']}": row["seconds"] for row in results.times},
        "published_by": "python -m stages.publish",
    }


def copy_networks(folders: Folders, keys: Sequence[str], target: Path) -> str:
    """Copy what the networks are loaded from, under the names that they have in a run, so that `target` can be read as one; in
    words. Nothing is copied where all of it is larger than LARGEST."""
    files = [folders.prepared / "manifest.json", *(folders.block("b0") / name for name in ("encoder.json", "groups.json"))]
    files += [folders.block(key) / "next.json" for key in ("b0", *keys)]
    own = ("block.safetensors", "hcd.safetensors", "hcd.json", "groups.json")
    files += [folders.block(key) / name for key in keys for name in own]
    files += [folders.block(key, "bloctrain_base") / "block.safetensors" for key in keys]
    files += [folders.block(keys[-1], "end_to_end") / "block.safetensors"]
    there = [path for path in files if path.exists()]
    size = sum(path.stat().st_size for path in there)
    if size > LARGEST:
        return f"networks: {size / 1e6:.1f} MB, left out; only up to {LARGEST / 1e6:g} MB are published"
    for path in there:
        copy = target / path.relative_to(folders.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return f"networks: {size / 1e6:.1f} MB, {len(there)} files"


def predictions(results: Results) -> dict[str, np.ndarray]:
    """Per test image, uint16 `[n]` (index int64): label, index, and `<method>_<block>`, the prediction of the network up to that
    block; for BlocTrain and BlocTrain-base also `<method>_exit`, the block (1-based) at which the image leaves."""
    folders, theta, keys = results.folders, results.params.inference.theta_conf, list(results.params.blocks)
    label = read_arrays(folders.runs / "exits_test.npz")["label"]
    arrays = {"label": label, "index": np.arange(len(label))}
    for method, built in zip(METHODS, (len(results.built), len(keys)), strict=False):
        stored = [_vote(folders, method, key, results.params) for key in keys[:built]]
        for depth, key in enumerate(keys[:built], start=1):
            exits = replay(stored[:depth], thresholds(theta, depth), len(results.class_names))
            arrays[f"{method}_{key}"] = exits.prediction
        arrays[f"{method}_exit"] = exits.exit_block
    for key in keys:
        arrays[f"end_to_end_{key}"] = load_outputs(folders.block(key, "end_to_end"), "test")["logits"].argmax(1)
    return {name: array.astype(np.int64 if name == "index" else np.uint16) for name, array in arrays.items()}


def _vote(folders: Folders, method: str, key: str, params: Params) -> BlockVote:
    """What a block says of the test images."""
    folder = folders.block(key, method)
    outputs = load_outputs(folder, "test")
    if method != "bloctrain":
        return BlockVote(outputs["logits"], outputs["classes"])
    hcd, groups = read_json(folder / "hcd.json"), read_json(folders.block(params.blocks[key].prev) / "groups.json")
    easy, hard = tuple(groups["easy"]), tuple(groups["hard"])
    return BlockVote(
        outputs["logits"], outputs["classes"], outputs.get("hcd_logit"), hcd["theta_low"], hcd["theta_high"], easy, hard
    )
