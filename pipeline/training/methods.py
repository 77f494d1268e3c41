"""The three ways to train: a block of BlocTrain (Algorithm 1), a block of BlocTrain-base, a network end to end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.base.files import missing
from pipeline.base.folders import ENCODER, Folders
from pipeline.base.parameters import described
from pipeline.data.prepared import Prepared, load_prepared
from pipeline.network.block import Block
from pipeline.network.params import chain_to
from pipeline.training.assignment import has_detector, load_assignment
from pipeline.training.context import Context
from pipeline.training.loop import fit
from pipeline.training.params import TrainingSections
from pipeline.training.resume import Checkpoint, training_digest
from pipeline.training.step import TrainingSet
from pipeline.training.trained import save_trained

RELEVANT = ("seed", "neuron", "network", "blocks", "training", "features", "compute")
"""Sections that a training goes by; images and encoder are told by the bytes of their files."""


def train_block(folders: Folders, params: TrainingSections, key: str) -> None:
    """Algorithm 1 for one block: train it on the easy and hard classes of the block before, earlier blocks frozen."""
    block = params.blocks[key]
    task = load_assignment(folders.block(block.prev))
    if not task.build:
        return save_trained(folders.block(key), None, [], 0)
    context = Context.open(folders, params, params.compute.devices, params.compute.nodes)
    train, validation = (load_prepared(folders.prepared, split) for split in ("train", "validation"))
    rows, column = task.rows(train.label)
    joint = has_detector(key) and params.hcd.joint
    hard = np.isin(train.label[rows], task.hard or []).astype(np.float32) if joint else None
    part = TrainingSet(context.training_feed(key, train, "train"), rows, column, hard)
    held_out, held_out_column = task.rows(validation.label)
    held_out_feed = context.evaluation_feed(key, "validation")
    network = context.build([key], len(task.classes), joint, key)
    _train(
        context, network, [part], key, block.learning_rate, folders.block(key), _inputs(folders, block.prev),
        {"classes": task.classes, "hard": task.hard if joint else None},
        lambda trained: context.accuracy(trained, held_out_feed, held_out, held_out_column),
    )  # fmt: skip


def train_base(folders: Folders, params: TrainingSections, key: str) -> None:
    """BlocTrain-base (section 6.3): the block on all classes and all training and validation images, earlier base blocks
    frozen."""
    block, method = params.blocks[key], "bloctrain_base"
    if method not in params.baselines.trained:
        return save_trained(folders.block(key, method), None, [], 0)
    context = Context.open(folders, params, params.compute.devices, params.compute.nodes)
    network = context.build([key], context.manifest.classes, False, f"base {key}")
    inputs = _inputs(folders, block.prev, method)
    _train(
        context,
        network,
        _all_images(context, key, method),
        f"base {key}",
        block.learning_rate,
        folders.block(key, method),
        inputs,
    )


def train_end_to_end(folders: Folders, params: TrainingSections, key: str) -> None:
    """The baseline of section 5.1: all blocks up to `key` as one network with the last classifier only."""
    if not params.baselines.end_to_end(key, params.blocks):
        return save_trained(folders.block(key, "end_to_end"), None, [], 0)
    context = Context.open(folders, params, params.compute.devices, params.compute.nodes)
    name, rate = f"end to end {key}", params.baselines.end_to_end_learning_rate
    network = context.build(chain_to(params.blocks, key), context.manifest.classes, False, name)
    parts = _all_images(context, next(iter(params.blocks)), "end_to_end")
    _train(context, network, parts, name, rate, folders.block(key, "end_to_end"), _inputs(folders, ENCODER))


def _train(
    context: Context, network: Block, parts: list[TrainingSet], name: str, learning_rate: float, folder: Path,
    inputs: list[Path], told: dict[str, Any] | None = None, validate: Callable[[Block], float] | None = None,
) -> None:  # fmt: skip
    """Train or resume; the first process then writes the results."""
    params, compute = context.params, context.compute
    about = {"name": name, "params": described(params, RELEVANT), "rate": learning_rate, "engine": compute.engine.line,
             "torch": torch.__version__} | (told or {})  # fmt: skip
    with Checkpoint(context.folders.resume, training_digest(about, inputs), compute.first) as checkpoint:
        history = fit(compute, params.training, network, parts, name, learning_rate, params.seed, checkpoint, validate)
        if compute.first:
            save_trained(folder, network, history, sum(len(part.rows) for part in parts))


def _all_images(context: Context, key: str, method: str) -> list[TrainingSet]:
    """Training and validation images together, as the baselines use them.

    One set where normalisation must see whole batches and where a GPU replays passes of one shape, else two. Cached features
    are always two.
    """
    splits = {split: load_prepared(context.folders.prepared, split) for split in ("train", "validation")}
    cached = context.cached and context.plans[key].sources != (ENCODER,)
    if not cached and (context.params.network.norm == "batch" or context.compute.device.type == "cuda"):
        images, label = (np.concatenate([getattr(one, name) for one in splits.values()]) for name in ("images", "label"))
        splits = {"train+validation": Prepared(images, label)}
    return [
        TrainingSet(
            context.training_feed(key, prepared, split, method), np.arange(len(prepared.label)), prepared.label, split=split
        )
        for split, prepared in splits.items()
    ]


def _inputs(folders: Folders, prev: str, method: str = "bloctrain") -> list[Path]:
    """The files whose bytes tell a training's input apart from another's."""
    features = folders.features([prev], method)[prev]
    if not features.is_dir():
        raise missing(features)
    prepared = [folders.prepared / "manifest.json", folders.block(ENCODER) / "encoder.json"]
    return prepared + sorted(path for path in features.iterdir() if path.suffix in (".npy", ".safetensors"))
