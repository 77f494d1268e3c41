"""The exits of a whole split on disk: runs/exits_<split>.npz, runs/exits_base_<split>.npz."""

from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_arrays, write_arrays
from pipeline.base.folders import Folders
from pipeline.partition.exit_rule import BlockVote, Exits

PREFIX = {"bloctrain": "exits", "bloctrain_base": "exits_base"}
NAMES = ("exit_block", "prediction", "label", "index", "theta_conf", "theta_high", "theta_low")


def exits_path(folders: Folders, method: str, split: str) -> Path:
    """Where the exits of a method on a split lie."""
    return folders.runs / f"{PREFIX[method]}_{split}.npz"


def save_exits(path: Path, exits: Exits, label: np.ndarray, votes: list[BlockVote], theta_conf: list[float], blocks: int) -> None:
    """Write exits with the labels int64 `[n]` and the thresholds in force, float32 `[blocks]`: NaN where a block has none."""

    def per_block(values: list[float | None]) -> np.ndarray:
        padded = values + [None] * (blocks - len(values))
        return np.array([np.nan if value is None else value for value in padded], dtype=np.float32)

    write_arrays(path, {
        "exit_block": exits.exit_block, "prediction": exits.prediction, "label": label, "index": np.arange(len(label)),
        "theta_conf": per_block(list(theta_conf)),
        "theta_high": per_block([vote.theta_high for vote in votes]),
        "theta_low": per_block([vote.theta_low for vote in votes]),
    })  # fmt: skip


def load_exits(path: Path) -> dict[str, np.ndarray]:
    """The arrays that `save_exits` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    arrays = read_arrays(path)
    if not set(NAMES) <= set(arrays) or len({len(arrays[name]) for name in NAMES[:4]}) > 1:
        raise damaged(path, "not the exits of a split")
    return arrays
