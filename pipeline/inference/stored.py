"""What a finished run stores of its networks, and what they said of each test image. Needs no torch."""

from collections.abc import Mapping

import numpy as np

from pipeline.base.files import read_arrays, read_json
from pipeline.base.folders import BLOCK_WISE, Folders
from pipeline.inference.params import thresholds
from pipeline.network.params import BlockParams
from pipeline.partition.exit_rule import BlockVote, replay
from pipeline.partition.votes import load_outputs


def network_files(folders: Folders, keys: list[str]) -> list[str]:
    """The files that the networks of a run are loaded from, relative to its root: BlocTrain, BlocTrain-base, and end-to-end at
    full depth. A file that this run does not have is left out."""
    files = [folders.prepared / "manifest.json", folders.block("b0") / "encoder.json"]
    for key in ["b0", *keys]:
        names = ("block.safetensors", "hcd.safetensors", "hcd.json", "groups.json", "next.json")
        files += [folders.block(key) / name for name in names]
        files += [folders.block(key, "bloctrain_base") / "block.safetensors"]
    files += [folders.block(keys[-1], "end_to_end") / "block.safetensors"]
    return [str(path.relative_to(folders.root)) for path in files if path.exists()]


def predictions(
    folders: Folders, blocks: Mapping[str, BlockParams], built: int, theta_conf: float | list[float], classes: int
) -> dict[str, np.ndarray]:
    """Per test image, uint16 `[n]` (index int64): label, index, and `<method>_<block>`, the prediction of the network up to that
    block; for BlocTrain and BlocTrain-base also `<method>_exit`, the block (1-based) at which the image leaves.

    BlocTrain has `built` blocks, `classes` is the number of all classes.
    """
    label = read_arrays(folders.runs / "exits_test.npz")["label"]
    arrays = {"label": label, "index": np.arange(len(label))}
    for method, depths in zip(BLOCK_WISE, (built, len(blocks)), strict=True):
        keys = list(blocks)[:depths]
        stored = [_vote(folders, method, key, blocks[key].prev) for key in keys]
        for depth, key in enumerate(keys, start=1):
            exits = replay(stored[:depth], thresholds(theta_conf, depth), classes)
            arrays[f"{method}_{key}"] = exits.prediction
        arrays[f"{method}_exit"] = exits.exit_block
    for key in blocks:
        arrays[f"end_to_end_{key}"] = load_outputs(folders.block(key, "end_to_end"), "test")["logits"].argmax(1)
    return {name: array.astype(np.int64 if name == "index" else np.uint16) for name, array in arrays.items()}


def _vote(folders: Folders, method: str, key: str, prev: str) -> BlockVote:
    """What a block says of the test images."""
    folder = folders.block(key, method)
    outputs = load_outputs(folder, "test")
    if method != "bloctrain":
        return BlockVote(outputs["logits"], outputs["classes"])
    hcd, groups = read_json(folder / "hcd.json"), read_json(folders.block(prev) / "groups.json")
    thetas, easy, hard = (hcd["theta_low"], hcd["theta_high"]), tuple(groups["easy"]), tuple(groups["hard"])
    return BlockVote(outputs["logits"], outputs["classes"], outputs.get("hcd_logit"), *thetas, easy, hard)
