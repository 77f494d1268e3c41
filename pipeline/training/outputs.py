"""What a trained network makes of whole splits: spikes for the next block, and readouts.

A block's features folder holds spikes of validation and test images and, with cached features, of its own training
images once per realisation; otherwise prefix.safetensors, the frozen trunk up to here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any as Params

import numpy as np
import torch

from pipeline.base.files import atomic_folder, write_arrays, write_json
from pipeline.data import load_prepared
from pipeline.encoding import FIXED, write_spikes
from pipeline.layout import base_folder, block_folder, end_to_end_folder
from pipeline.network import Block, build_block
from pipeline.network.params import chain_to
from pipeline.training.context import Context, joint_targets, load_groups
from pipeline.training.device import to_device
from pipeline.training.feed import CachedFeed, Feed
from pipeline.training.forward import to_host
from pipeline.training.methods import class_rows
from pipeline.training.weights import load_into, load_weights, save_weights

READOUTS = ("train", "validation", "test")


class Readout:
    """Collects a block's logits (and HCD logits and summaries) while its spikes pass by."""

    def __init__(self, summary: bool = False):
        self.keep_summary = summary
        self.logits: list[torch.Tensor] = []
        self.hcd_logit: list[torch.Tensor] = []
        self.summary: list[torch.Tensor] = []

    def spikes(self, outputs) -> Iterator[np.ndarray]:
        """int8 `[B, T, C, H, W]` of each chunk of a forward pass."""
        for _, output in outputs:
            self.logits.append(output.logits.cpu())
            if output.hcd_logit is not None:
                self.hcd_logit.append(output.hcd_logit.cpu())
            if self.keep_summary:
                self.summary.append(output.summary.cpu())
            yield to_host(output.spikes)

    def arrays(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """logits `[n, K]`, rows `[n]` and, where there are any, hcd_logit `[n]` and summary `[n, N]`, float32."""
        parts = {"logits": self.logits, "hcd_logit": self.hcd_logit, "summary": self.summary}
        return {"rows": rows} | {name: torch.cat(part).numpy() for name, part in parts.items() if part}


def forward_block(params: Params, key: str) -> None:
    """Write features/ and readout_{train,validation,test}.npz of one trained block of BlocTrain."""
    folder, prev = block_folder(key), params.blocks[key].prev
    if not joint_targets(prev)["build"]:
        with atomic_folder(folder / "features") as features:
            write_json(features / "not_built.json", joint_targets(prev))
        for split in READOUTS:
            write_arrays(folder / f"readout_{split}.npz", {"logits": np.zeros((0, 0), np.float32)})
        return
    context = Context.open(params)
    classes = np.array(sorted(load_groups(params.blocks[key].prev2)[1]))
    separate = key != "b1" and not params.hcd.joint
    block = build_block(params, [key], context.channels, len(classes), key != "b1" and params.hcd.joint, key)
    load_into(block, folder / "block.safetensors")
    block = to_device(context.fabric, block)
    train = load_prepared("train")
    rows, _ = class_rows(train.label, classes)
    readouts = {"train": {"rows": rows[:0]}}
    with atomic_folder(folder / "features") as features:
        feed = context.training_feed(key, train, "train")
        for realisation in range(context.cached):
            keep = Readout(separate)
            _store(context, block, feed, rows, realisation, features / f"train_r{realisation}", keep)
            if separate and realisation == 0:
                readouts["train"] = keep.arrays(rows)
        if context.cached:
            write_arrays(features / "train_rows.npz", {"rows": rows})
        else:
            _write_prefix(folder, block_folder(prev), features)
            if separate:
                keep = Readout(True)
                for _ in keep.spikes(context.forward(block, feed, rows, 0, f"{key} train")):
                    pass
                readouts["train"] = keep.arrays(rows)
        for split in ("validation", "test"):
            every = np.arange(len(load_prepared(split).label))
            keep = Readout(separate)
            _store(context, block, CachedFeed(block_folder(prev) / "features", split), every, FIXED, features / split, keep)
            readouts[split] = keep.arrays(every)
    for split, arrays in readouts.items():
        write_arrays(folder / f"readout_{split}.npz", arrays)


def forward_base(params: Params, key: str) -> None:
    """Write base/features/ (for the next base block) and base/outputs_test.npz of one trained block of BlocTrain-base."""
    folder, prev = base_folder(key), params.blocks[key].prev
    before = base_folder(prev) if prev != "b0" else block_folder(prev)
    context = Context.open(params)
    block = build_block(params, [key], context.channels, len(context.class_names), False, f"base {key}")
    load_into(block, folder / "block.safetensors")
    block = to_device(context.fabric, block)
    with atomic_folder(folder / "features") as features:
        for split in ("train", "validation"):
            prepared = load_prepared(split)
            feed = context.training_feed(key, prepared, split, "base")
            for realisation in range(context.cached):
                every = np.arange(len(prepared.label))
                _store(context, block, feed, every, realisation, features / f"{split}_r{realisation}", Readout())
        if not context.cached:
            _write_prefix(folder, before, features)
        keep, test = Readout(), load_prepared("test")
        every = np.arange(len(test.label))
        _store(context, block, CachedFeed(before / "features", "test"), every, FIXED, features / "test", keep)
    write_outputs(folder, "test", keep.arrays(every)["logits"], np.arange(len(context.class_names)), test.label)


def forward_end_to_end(params: Params, key: str) -> None:
    """Write end_to_end/outputs_test.npz."""
    folder = end_to_end_folder(key)
    context = Context.open(params)
    block = build_block(
        params, chain_to(params.blocks, key), context.channels, len(context.class_names), False, f"end to end {key}"
    )
    load_into(block, folder / "block.safetensors")
    keep, test = Readout(), load_prepared("test")
    every = np.arange(len(test.label))
    feed = CachedFeed(block_folder("b0") / "features", "test")
    for _ in keep.spikes(context.forward(to_device(context.fabric, block), feed, every, FIXED, f"end to end {key} test")):
        pass
    write_outputs(folder, "test", keep.arrays(every)["logits"], np.arange(len(context.class_names)), test.label)


def write_outputs(folder: Path, split: str, logits: np.ndarray, classes: np.ndarray, label: np.ndarray) -> None:
    """outputs_<split>.npz of a baseline: logits float32 `[n, K]`, classes int64 `[K]`, label and index int64 `[n]`."""
    arrays = {"logits": logits, "classes": classes.astype(np.int64), "label": label, "index": np.arange(len(label))}
    write_arrays(folder / f"outputs_{split}.npz", arrays)


def _store(context: Context, block: Block, feed: Feed, rows: np.ndarray, realisation: int, path: Path, keep: Readout) -> None:
    outputs = context.forward(block, feed, rows, realisation, f"{path.parent.parent.name} {path.name}")
    write_spikes(path, keep.spikes(outputs), len(rows), signed=False)


def _write_prefix(folder: Path, before: Path, features: Path) -> None:
    earlier = before / "features" / "prefix.safetensors"
    own = load_weights(folder / "block.safetensors")
    trunk = {name.removeprefix("trunk."): value for name, value in own.items() if name.startswith("trunk.")}
    save_weights(features / "prefix.safetensors", (load_weights(earlier) if earlier.exists() else {}) | trunk)
