"""Votes from the artifacts of a block (formats in docs/formats.md)."""

from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_arrays, read_json
from pipeline.layout import block_folder
from pipeline.partition.exit_rule import BlockVote


def load_vote(key: str, prev: str, split: str) -> tuple[BlockVote, np.ndarray]:
    """The vote of block `key` of BlocTrain on a split, and the labels int64 `[n]`."""
    folder = block_folder(key)
    arrays = load_outputs(folder, split)
    groups, hcd = read_json(block_folder(prev) / "groups.json"), read_json(folder / "hcd.json")
    vote = BlockVote(
        arrays["logits"], arrays["classes"], arrays.get("hcd_logit"), hcd["theta_low"], hcd["theta_high"],
        tuple(groups["easy"]), tuple(groups["hard"]),
    )  # fmt: skip
    return vote, arrays["label"]


def load_outputs(folder: Path, split: str) -> dict[str, np.ndarray]:
    """The arrays of outputs_<split>.npz, checked for shape."""
    path = folder / f"outputs_{split}.npz"
    arrays = read_arrays(path)
    if not {"logits", "classes", "label", "index"} <= set(arrays):
        raise damaged(path, "an array is missing")
    if arrays["logits"].shape != (len(arrays["label"]), len(arrays["classes"])):
        raise damaged(path, "logits do not fit labels and classes")
    return arrays
