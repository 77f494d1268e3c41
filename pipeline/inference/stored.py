"""What a finished run stores of its networks, and what they said of each image. Needs no torch."""

from typing import Protocol

import numpy as np

from pipeline.base.folders import BLOCK_WISE, ENCODER, Folders
from pipeline.inference.exits_file import exits_path, load_exits
from pipeline.inference.params import thresholds
from pipeline.network.params import Blocks
from pipeline.partition.exit_rule import BlockVote, replay
from pipeline.partition.groups import load_groups
from pipeline.partition.votes import load_vote
from pipeline.training.assignment import load_assignment
from pipeline.training.stored import WEIGHTS, load_outputs


class HasBlocks(Protocol):
    """Parameters that tell the blocks."""

    blocks: Blocks


def built_keys(folders: Folders, blocks: Blocks) -> list[str]:
    """The blocks of BlocTrain that were built, from the first on."""
    return [key for key, block in blocks.items() if load_assignment(folders.block(block.prev)).build]


def stored_votes(folders: Folders, params: HasBlocks, method: str, split: str) -> tuple[list[BlockVote], np.ndarray]:
    """Stored outputs of every built block (every block, for BlocTrain-base) on a split, and the labels int64 `[n]`."""
    blocks = params.blocks
    if method == "bloctrain":
        loaded = [load_vote(folders, key, blocks[key].prev, split) for key in built_keys(folders, blocks)]
        return [vote for vote, _ in loaded], loaded[0][1]
    outputs = [load_outputs(folders.block(key, method), split) for key in blocks]
    earlier = [load_groups(folders.block(block.prev)).earlier_logits for block in blocks.values()]
    votes = [BlockVote(one.logits, one.classes, earlier=weight) for one, weight in zip(outputs, earlier, strict=True)]
    return votes, outputs[0].label


def network_files(folders: Folders, keys: list[str]) -> list[str]:
    """The files that the networks of a run are loaded from, relative to its root: BlocTrain, BlocTrain-base, and end-to-end at
    full depth. A file that this run does not have is left out."""
    files = [folders.prepared / "manifest.json", folders.block(ENCODER) / "encoder.json"]
    for key in [ENCODER, *keys]:
        names = (WEIGHTS, "hcd.safetensors", "hcd.json", "groups.json", "next.json")
        files += [folders.block(key) / name for name in names]
        files += [folders.block(key, "bloctrain_base") / WEIGHTS]
    files += [folders.block(keys[-1], "end_to_end") / WEIGHTS]
    return [str(path.relative_to(folders.root)) for path in files if path.exists()]


def predictions(folders: Folders, params: HasBlocks, theta_conf: float | list[float], classes: int) -> dict[str, np.ndarray]:
    """Per test image, uint16 `[n]` (index int64): label, index, and `<method>_<block>`, the prediction of the network up to that
    block; for BlocTrain and BlocTrain-base also `<method>_exit`, the block (1-based) at which the image leaves.

    `classes` is the number of all classes.
    """
    label = load_exits(exits_path(folders, "bloctrain", "test"))["label"]
    arrays = {"label": label, "index": np.arange(len(label))}
    for method in BLOCK_WISE:
        votes, own = stored_votes(folders, params, method, "test")
        if not len(own):  # not trained
            continue
        for depth, key in enumerate(list(params.blocks)[: len(votes)], start=1):
            exits = replay(votes[:depth], thresholds(theta_conf, depth), classes)
            arrays[f"{method}_{key}"] = exits.prediction
        arrays[f"{method}_exit"] = exits.exit_block
    for key in params.blocks:
        outputs = load_outputs(folders.block(key, "end_to_end"), "test")
        if len(outputs.label):
            arrays[f"end_to_end_{key}"] = outputs.logits.argmax(1)
    return {name: array.astype(np.int64 if name == "index" else np.uint16) for name, array in arrays.items()}
