"""The three ways to train: a block of BlocTrain (Algorithm 1), a block of BlocTrain-base, a network end to end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from typing import Any as Params

import numpy as np
import torch

from pipeline.base.files import missing, write_csv, write_json
from pipeline.data import load_prepared
from pipeline.layout import base_folder, block_folder, end_to_end_folder
from pipeline.network import Block, build_block
from pipeline.network.params import chain_to
from pipeline.training.context import Context, joint_targets, load_groups
from pipeline.training.feed import CachedFeed
from pipeline.training.loop import HISTORY, EpochRow, TrainingSet, fit
from pipeline.training.resume import Checkpoint, training_digest
from pipeline.training.weights import save_weights

Step = Callable[[Params, str], None]
RELEVANT = {"seed", "data", "encoding", "neuron", "network", "blocks", "training", "features", "compute"}


def train_block(params: Params, key: str) -> None:
    """Algorithm 1 for one block: train it on the easy and hard classes of the block before, earlier blocks frozen."""
    folder, block = block_folder(key), params.blocks[key]
    targets = joint_targets(block.prev)
    if not targets["build"]:
        return _write(folder, None, [], 0)
    context = Context.open(params, params.compute.devices)
    classes = np.array(sorted(load_groups(block.prev2)[1]))
    train, validation = load_prepared("train"), load_prepared("validation")
    rows, column = class_rows(train.label, classes)
    hard = None
    if key != "b1" and params.hcd.joint:
        hard = np.isin(train.label[rows], targets["hard"]).astype(np.float32)
    part = TrainingSet(context.training_feed(key, train, "train"), rows, column, hard)
    held_out, held_out_column = class_rows(validation.label, classes)
    held_out_feed = CachedFeed(block_folder(block.prev) / "features", "validation")
    network = build_block(params, [key], context.channels, len(classes), hard is not None, key)
    _train(
        context, network, [part], key, block.learning_rate, folder, _inputs(block.prev),
        {"classes": classes.tolist(), "targets": targets},
        lambda trained: context.accuracy(trained, held_out_feed, held_out, held_out_column),
    )  # fmt: skip


def train_base(params: Params, key: str, then: Step) -> None:
    """BlocTrain-base (section 6.3): the block on all classes and all training and validation images, earlier base blocks
    frozen. `then` makes what else the stage writes; a stage killed in it resumes after the training."""
    block = params.blocks[key]
    context = Context.open(params, params.compute.devices)
    network = build_block(params, [key], context.channels, len(context.class_names), False, f"base {key}")
    inputs = _inputs(block.prev, "base" if block.prev != "b0" else "")
    parts = _all_images(context, key, "base")
    _train(context, network, parts, f"base {key}", block.learning_rate, base_folder(key), inputs, then=lambda: then(params, key))


def train_end_to_end(params: Params, key: str, then: Step) -> None:
    """The baseline of section 5.1: all blocks up to `key` as one network with the last classifier only; `then` as in
    `train_base`."""
    context = Context.open(params, params.compute.devices)
    name, rate = f"end to end {key}", params.baselines.end_to_end_learning_rate
    network = build_block(params, chain_to(params.blocks, key), context.channels, len(context.class_names), False, name)
    parts = _all_images(context, "b1", "end_to_end")
    _train(context, network, parts, name, rate, end_to_end_folder(key), _inputs("b0"), then=lambda: then(params, key))


def _train(
    context: Context, network: Block, parts: list[TrainingSet], name: str, learning_rate: float, folder: Path,
    inputs: list[Path], described: dict[str, Any] | None = None, validate: Callable[[Block], float] | None = None,
    then: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Train or resume; the first process then writes the results and goes on with `then`."""
    params, first = context.params, context.fabric.is_global_zero
    relevant = {"name": name, "params": params.model_dump(mode="json", include=RELEVANT), "engine": context.engine.line,
                "torch": torch.__version__} | (described or {})  # fmt: skip
    with Checkpoint(training_digest(relevant, inputs), first) as checkpoint:
        history = fit(context.fabric, params, network, parts, name, learning_rate, checkpoint, validate)
        if first:
            _write(folder, network, history, sum(len(part.rows) for part in parts))
            if then:
                then()


def class_rows(label: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose label is one of the sorted `classes`, and the position of each row's label among them."""
    rows = np.flatnonzero(np.isin(label, classes))
    return rows, np.searchsorted(classes, label[rows])


def _all_images(context: Context, key: str, variant: str) -> list[TrainingSet]:
    """Training and validation images together, as the baselines use them."""
    parts = []
    for split in ("train", "validation"):
        prepared = load_prepared(split)
        feed = context.training_feed(key, prepared, split, variant)
        parts.append(TrainingSet(feed, np.arange(len(prepared.label)), prepared.label, split=split))
    return parts


def _inputs(prev: str, variant: str = "") -> list[Path]:
    prepared = [Path("data/prepared/manifest.json"), block_folder("b0") / "encoder.json"]
    features = block_folder(prev) / variant / "features"
    if not features.is_dir():
        raise missing(features)
    return prepared + sorted(path for path in features.iterdir() if path.suffix in (".npy", ".safetensors"))


def _write(folder: Path, network: Block | None, history: Sequence[EpochRow], images: int) -> None:
    """block.safetensors, history.csv and timing.json; empty ones for a block that is not built."""
    save_weights(folder / "block.safetensors", network.state_dict() if network else {})
    write_csv(folder / "history.csv", HISTORY, [[row[name] for name in HISTORY] for row in history])
    seconds = [row["seconds"] for row in history if row["seconds"] is not None]
    write_json(folder / "timing.json", {
        "images": images, "epochs": len(history), "seconds": sum(seconds),
        "median_seconds_per_epoch": median(seconds) if seconds else None,
    })  # fmt: skip
