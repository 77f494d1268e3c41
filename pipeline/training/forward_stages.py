"""What a trained network makes of whole splits: spikes for the next block, and readouts.

A block's features folder holds spikes of validation and test images and, with cached features, of its own training
images once per realisation; otherwise prefix.safetensors, the frozen trunk up to here. lineage.json names the weights that
the spikes come from: blocks that read earlier blocks' features too depend on it.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.base.files import atomic_folder, file_digest, read_json, write_arrays, write_json
from pipeline.base.folders import Folders
from pipeline.data.prepared import load_prepared
from pipeline.encoding.poisson import FIXED
from pipeline.encoding.storage import write_spikes
from pipeline.network.block import Block
from pipeline.network.params import chain_to
from pipeline.training.assignment import has_detector, load_assignment
from pipeline.training.context import Context
from pipeline.training.feed import Feed
from pipeline.training.forward import Outputs as Chunks
from pipeline.training.forward import to_host
from pipeline.training.params import TrainingSections
from pipeline.training.stored import WEIGHTS, Outputs, Readout
from pipeline.training.weights import load_into, load_weights, save_weights

READOUTS = ("train", "validation", "test")
NOT_TRAINED = "baselines.trained does not name it"
NOTHING = Outputs(np.zeros((0, 0), np.float32), *[np.zeros(0, np.int64)] * 3)
"""The outputs of a network that is not trained."""


class Collector:
    """Collects a block's logits (and HCD logits and summaries) while its spikes pass by."""

    def __init__(self, summary: bool = False):
        self.keep_summary = summary
        self.logits: list[torch.Tensor] = []
        self.hcd_logit: list[torch.Tensor] = []
        self.summary: list[torch.Tensor] = []

    def spikes(self, outputs: Chunks) -> Iterator[np.ndarray]:
        """int8 `[B, T, C, H, W]` of each chunk of a forward pass."""
        for _, output in outputs:
            self.logits.append(output.logits.cpu())
            if output.hcd_logit is not None:
                self.hcd_logit.append(output.hcd_logit.cpu())
            if self.keep_summary:
                self.summary.append(output.summary.cpu())
            yield to_host(output.spikes)

    def readout(self, rows: np.ndarray) -> Readout:
        """Everything collected, of the images `rows`."""
        parts = (self.logits, self.hcd_logit, self.summary)
        logits, hcd, summary = (torch.cat(part).numpy() if part else None for part in parts)
        return Readout(rows, np.zeros((0, 0), np.float32) if logits is None else logits, hcd, summary)


def forward_block(folders: Folders, params: TrainingSections, key: str) -> None:
    """Write features/, readout_{train,validation,test}.npz and forward_time.json of one trained block of BlocTrain."""
    folder, prev = folders.block(key), params.blocks[key].prev
    task = load_assignment(folders.block(prev))
    if not task.build:
        with atomic_folder(folder / "features") as features:
            write_json(features / "not_built.json", {"reason": task.reason})
        for split in READOUTS:
            Readout(np.zeros(0, np.int64), np.zeros((0, 0), np.float32)).save(folder, split)
        return _write_time(folder, 0.0, 0)
    context = Context.open(folders, params)
    separate = has_detector(key) and not params.hcd.joint
    block = context.build([key], len(task.classes), has_detector(key) and params.hcd.joint, key)
    load_into(block, folder / WEIGHTS)
    block = context.compute.place(block)
    train = load_prepared(folders.prepared, "train")
    rows, _ = task.rows(train.label)
    readouts = {"train": Readout(rows[:0], np.zeros((0, len(task.classes)), np.float32))}
    with atomic_folder(folder / "features") as features:
        feed = context.training_feed(key, train, "train")
        started = time.perf_counter()
        for realisation in range(context.cached):
            keep = Collector(separate)
            _store(context, block, feed, rows, realisation, features / f"train_r{realisation}", keep)
            if separate and realisation == 0:
                readouts["train"] = keep.readout(rows)
        seconds = time.perf_counter() - started
        if context.cached:
            write_arrays(features / "train_rows.npz", {"rows": rows})
        else:
            _write_prefix(folder, folders.features([prev])[prev], features)
            if separate:
                keep = Collector(True)
                for _ in keep.spikes(context.forward(block, feed, rows, 0, f"{key} train")):
                    pass
                readouts["train"] = keep.readout(rows)
        for split in ("validation", "test"):
            every = np.arange(len(load_prepared(folders.prepared, split).label))
            keep = Collector(separate)
            _store(context, block, context.evaluation_feed(key, split), every, FIXED, features / split, keep)
            readouts[split] = keep.readout(every)
        _write_lineage(folder, folders.features([prev])[prev], features, key)
    for split, readout in readouts.items():
        readout.save(folder, split)
    _write_time(folder, seconds, len(rows) * context.cached)


def forward_base(folders: Folders, params: TrainingSections, key: str) -> None:
    """Write features/ (for the next base block), outputs_test.npz and forward_time.json of one trained base block."""
    method, prev = "bloctrain_base", params.blocks[key].prev
    folder, before = folders.block(key, method), folders.features([prev], method)[prev]
    if method not in params.baselines.trained:
        with atomic_folder(folder / "features") as features:
            write_json(features / "not_built.json", {"reason": NOT_TRAINED})
        NOTHING.save(folder, "test")
        return _write_time(folder, 0.0, 0)
    context = Context.open(folders, params)
    classes = context.manifest.classes
    block = context.build([key], classes, False, f"base {key}")
    load_into(block, folder / WEIGHTS)
    block = context.compute.place(block)
    images, started = 0, time.perf_counter()
    with atomic_folder(folder / "features") as features:
        for split in ("train", "validation"):
            prepared = load_prepared(folders.prepared, split)
            feed = context.training_feed(key, prepared, split, method)
            for realisation in range(context.cached):
                every = np.arange(len(prepared.label))
                _store(context, block, feed, every, realisation, features / f"{split}_r{realisation}", Collector())
                images += len(every)
        seconds = time.perf_counter() - started
        if not context.cached:
            _write_prefix(folder, before, features)
        keep, test = Collector(), load_prepared(folders.prepared, "test")
        every = np.arange(len(test.label))
        _store(context, block, context.evaluation_feed(key, "test", method), every, FIXED, features / "test", keep)
        _write_lineage(folder, before, features, key)
    Outputs(keep.readout(every).logits, np.arange(classes), test.label, every).save(folder, "test")
    _write_time(folder, seconds, images)


def forward_end_to_end(folders: Folders, params: TrainingSections, key: str) -> None:
    """Write end_to_end/outputs_test.npz."""
    folder = folders.block(key, "end_to_end")
    if not params.baselines.end_to_end(key, params.blocks):
        return NOTHING.save(folder, "test")
    context = Context.open(folders, params)
    classes, keys = context.manifest.classes, chain_to(params.blocks, key)
    network = context.build(keys, classes, False, f"end to end {key}")
    load_into(network, folder / WEIGHTS)
    keep, test = Collector(), load_prepared(folders.prepared, "test")
    every = np.arange(len(test.label))
    feed = context.evaluation_feed(keys[0], "test")
    for _ in keep.spikes(context.forward(context.compute.place(network), feed, every, FIXED, f"end to end {key} test")):
        pass
    Outputs(keep.readout(every).logits, np.arange(classes), test.label, every).save(folder, "test")


def _store(context: Context, block: Block, feed: Feed, rows: np.ndarray, realisation: int, path: Path, keep: Collector) -> None:
    outputs = context.forward(block, feed, rows, realisation, f"{path.parent.parent.name} {path.name}")
    write_spikes(path, keep.spikes(outputs), len(rows), signed=False, bits=context.params.neuron.levels.bit_length())


def _write_prefix(folder: Path, before: Path, features: Path) -> None:
    earlier = before / "prefix.safetensors"
    own = load_weights(folder / WEIGHTS)
    trunk = {name.removeprefix("trunk."): value for name, value in own.items() if name.startswith("trunk.")}
    save_weights(features / "prefix.safetensors", (load_weights(earlier) if earlier.exists() else {}) | trunk)


def _write_lineage(folder: Path, before: Path, features: Path, key: str) -> None:
    earlier = before / "lineage.json"
    write_json(features / "lineage.json", (read_json(earlier) if earlier.exists() else {}) | {key: file_digest(folder / WEIGHTS)})


def _write_time(folder: Path, seconds: float, images: int) -> None:
    """How long the cached training features took to make: a part of the training's time."""
    write_json(folder / "forward_time.json", {"seconds": seconds, "images": images})
