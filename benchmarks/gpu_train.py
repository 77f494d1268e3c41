"""The paper's scale on a GPU that is there for minutes: `python -m benchmarks.gpu_train experiments/cifar10-resnet9.yaml`.

Trains BlocTrain's blocks one after the other in the current folder, without DVC, each for a share of the minutes given, and
tests the network after each. Spikes between blocks stay on the device: at T = 100 they would fill the disk. What is done is
written to OUT after every block: gpu_train.json, and histories, outputs and partitions in gpu_train.zip.
"""

import argparse
import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from pipeline.base.errors import UserError
from pipeline.base.files import write_json
from pipeline.base.folders import Folders, before
from pipeline.base.yaml_file import as_mapping, read_mapping
from pipeline.config import Params, parse_params
from pipeline.data.prepare import prepare
from pipeline.data.prepared import load_prepared
from pipeline.encoding.poisson import FIXED, fit_encoder
from pipeline.inference.params import thresholds
from pipeline.inference.stored import stored_votes
from pipeline.inference.sweep import accuracy_by_depth
from pipeline.network.block import Trunk
from pipeline.network.build import build_trunk
from pipeline.network.params import chain_to
from pipeline.partition.detector_stage import detector_stage
from pipeline.partition.exit_rule import replay
from pipeline.partition.partition_stage import partition_stage
from pipeline.partition.start_stage import start_stage
from pipeline.training.assignment import has_detector, load_assignment
from pipeline.training.context import Context
from pipeline.training.feed import Feed, PrefixFeed
from pipeline.training.loop import fit
from pipeline.training.step import TrainingSet
from pipeline.training.stored import Readout
from pipeline.training.trained import save_trained
from pipeline.training.weights import load_weights

SHARES = {"b1": 0.31, "b2": 0.29, "b3": 0.4}
"""Of the minutes, for the blocks' trainings, as long as most classes are hard."""


def main() -> None:
    """Train, test and write, block by block."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--epochs", type=int, default=125, help="at most")
    parser.add_argument("--set", nargs="*", default=[], metavar="PARAMETER=VALUE", help="in place of the experiment's")
    parser.add_argument("--minutes", type=float, default=5.0, help="for the trainings together")
    parser.add_argument("--images", type=Path, help="folder or zip of images, if data/prepared is not there")
    parser.add_argument("--out", type=Path, default=Path("reports/benchmark"))
    arguments = parser.parse_args()
    folders, params = Folders(), _params(arguments)
    if not (folders.prepared / "manifest.json").exists():
        data = params.data.model_copy(update={"source": "image_folder", "path": str(arguments.images)})
        prepare(data, params.seed, folders.prepared, folders.raw)
    if not (folders.block("b0") / "encoder.json").exists():
        images = load_prepared(folders.prepared, "train").images
        steps, direct = params.encoding.time_steps, params.encoding.kind == "direct"
        encoder = fit_encoder(images, steps, params.encoding.max_rate_hz, params.seed, direct)
        encoder.save(folders.block("b0") / "encoder.json")
        start_stage(folders, params.partition)
    context = Context.open(folders, params)
    summary: dict[str, Any] = {"device": torch.cuda.get_device_name(), "parameters": params.model_dump(mode="json"), "blocks": {}}
    for key in params.blocks:
        deadline = time.monotonic() + 60 * arguments.minutes * SHARES.get(key, 0.2)
        summary["blocks"][key] = _block(context, params, key, deadline)
        summary |= _tested(folders, params, key)
        print(json.dumps({name: summary[name] for name in ("blocks", "accuracy_by_depth", "exits")}), flush=True)
        _write(folders, summary, arguments.out)
        if not load_assignment(folders.block(key)).build:
            break


def _params(arguments: argparse.Namespace) -> Params:
    """The experiment's, for the GPU in bfloat16, with the epochs and the other values asked for."""
    content: dict[str, Any] = as_mapping(read_mapping(arguments.experiment), str(arguments.experiment))
    for change in [*arguments.set, "compute.device=cuda", "compute.precision=bf16", f"training.epochs={arguments.epochs}"]:
        path, given, value = change.partition("=")
        *sections, name = path.split(".")
        place = content
        for section in sections:
            place = place.get(section, {}) if isinstance(place, dict) else {}
        if not given or not isinstance(place, dict) or name not in place:
            raise UserError(f"--set {change}: names no parameter of {arguments.experiment}; write section.name=value")
        place[name] = yaml.safe_load(value)
    return parse_params(content, str(arguments.experiment))


def _block(context: Context, params: Params, key: str, deadline: float) -> dict[str, Any]:
    """Train one block, run it over validation and test images, calibrate its detector and divide the classes."""
    folders, began = context.folders, time.monotonic()
    task = load_assignment(folders.block(before(key)))
    train = load_prepared(folders.prepared, "train")
    rows, column = task.rows(train.label)
    joint = has_detector(key) and params.hcd.joint
    hard = np.isin(train.label[rows], task.hard or []).astype(np.float32) if joint else None
    block = context.build([key], len(task.classes), joint, key)
    part = TrainingSet(_feed(context, params, key, "train"), rows, column, hard)
    rate = params.blocks[key].learning_rate
    history = fit(context.compute, params.training, block, [part], key, rate, params.seed, deadline=deadline)
    save_trained(folders.block(key), block, history, len(rows))
    trained = time.monotonic()
    for split in ("validation", "test"):
        every = np.arange(len(load_prepared(folders.prepared, split).label))
        outputs = [one for _, one in context.forward(block, _feed(context, params, key, split), every, FIXED)]
        logits = torch.cat([one.logits for one in outputs]).cpu().numpy()
        hcd = torch.cat([one.hcd_logit for one in outputs if one.hcd_logit is not None]).cpu().numpy() if joint else None
        Readout(every, logits, hcd).save(folders.block(key), split)
    detector_stage(folders, params, key, before(key))
    partition_stage(folders, params, key, before(key))
    return {
        "epochs": len(history), "images": len(rows), "classes": len(task.classes),
        "train_accuracy": history[-1]["train_accuracy"],
        "seconds_per_epoch": [row["seconds"] for row in history], "train_seconds": trained - began,
        "forward_seconds": time.monotonic() - trained,
    }  # fmt: skip


def _tested(folders: Folders, params: Params, key: str) -> dict[str, Any]:
    """Test accuracy of the first 1, 2, ... blocks, and where images leave."""
    keys = chain_to(params.blocks, key)
    known = params.model_copy(update={"blocks": {one: params.blocks[one] for one in keys}})
    votes, label = stored_votes(folders, known, "bloctrain", "test")
    theta_conf, classes = thresholds(params.inference.theta_conf, len(votes)), len(np.unique(label))
    exits = replay(votes, theta_conf, classes)
    return {
        "accuracy_by_depth": accuracy_by_depth(votes, label, classes, theta_conf),
        "exits": (np.bincount(exits.exit_block - 1, minlength=len(votes)) / len(label)).tolist(),
    }


def _write(folders: Folders, summary: dict[str, Any], out: Path) -> None:
    """The summary, and the small results so far in one file."""
    write_json(out / "gpu_train.json", summary)
    names = ("history.csv", "timing.json", "hcd.json", "classes.json", "outputs_validation.npz", "outputs_test.npz")
    with zipfile.ZipFile(out / "gpu_train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for key in summary["blocks"]:
            for name in names:
                archive.write(folders.block(key) / name, f"{key}/{name}")


def _feed(context: Context, params: Params, key: str, split: str) -> Feed:
    """Input spikes of a block, all made on the device: images through the blocks before it."""
    prepared = load_prepared(context.folders.prepared, split)
    encoded = context.encoded_feed(prepared, split)
    earlier = chain_to(params.blocks, key)[:-1]
    return PrefixFeed(encoded, _prefix(context, earlier), context.plans[key].sources) if earlier else encoded


def _prefix(context: Context, keys: list[str]) -> Trunk:
    trunk = build_trunk(context.params, keys, context.manifest.image_shape, engine=context.compute.engine, kind=context.kind)
    weights: dict[str, torch.Tensor] = {}
    for key in keys:
        own = load_weights(context.folders.block(key) / "block.safetensors")
        weights |= {name.removeprefix("trunk."): value for name, value in own.items() if name.startswith("trunk.")}
    trunk.load_state_dict(weights)
    return context.compute.place(trunk)


if __name__ == "__main__":
    try:
        main()
    except UserError as mistake:
        sys.exit(f"error: {mistake}")
