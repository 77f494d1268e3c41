"""Votes from the artifacts of a block (formats in docs/formats.md)."""

import numpy as np

from pipeline.base.folders import Folders
from pipeline.partition.calibration import load_calibration
from pipeline.partition.exit_rule import BlockVote
from pipeline.partition.groups import load_groups
from pipeline.training.stored import load_outputs


def vote_without_images(folders: Folders, key: str, prev: str, classes: np.ndarray) -> BlockVote:
    """What block `key` of BlocTrain decides by: the dataset class of each column, thresholds, easy and hard classes, and the
    weight of the earlier blocks' logits."""
    groups = load_groups(folders.block(prev))
    found = load_calibration(folders.block(key))
    return BlockVote(
        np.zeros((0, len(classes)), np.float32),
        classes,
        None,
        found.theta_low,
        found.theta_high,
        tuple(groups.easy),
        tuple(groups.hard),
        groups.earlier_logits,
    )


def load_vote(folders: Folders, key: str, prev: str, split: str) -> tuple[BlockVote, np.ndarray]:
    """The vote of block `key` of BlocTrain on a split, and the labels int64 `[n]`."""
    outputs = load_outputs(folders.block(key), split)
    known = vote_without_images(folders, key, prev, outputs.classes)
    return known.on(outputs.logits, outputs.hcd_logit), outputs.label
