"""The result files of one run, read into one object. docs/formats.md describes each file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.base.files import read_arrays, read_json, read_table
from pipeline.base.folders import METHODS, Folders
from pipeline.config import Params

Row = dict[str, Any]
"""A row of a table by column: numbers converted, None for empty cells."""


@dataclass(frozen=True)
class Block:
    """One block's partition.

    `accuracy[metric]` is float64 `[K]`, empty if the block was not built; `reason` says why not. `trained_on` are the classes
    of its classifier. `threshold` is the accuracy (0..1) that the hardness threshold came to, None if not built.
    """

    key: str
    built: bool
    reason: str
    trained_on: list[int]
    easy: list[int]
    hard: list[int]
    accuracy: dict[str, np.ndarray]
    threshold: float | None


@dataclass(frozen=True)
class Results:
    """Everything that tables and figures are made of. `memory` is counted for a mini-batch, `all_memory` for fewer images too.
    `policies` are those of exits in depth and time, none where `inference.steps` is not set."""

    params: Params
    folders: Folders
    manifest: Row
    blocks: list[Block]
    exits: dict[str, np.ndarray]
    base_exits: dict[str, np.ndarray]
    depths: list[Row]
    memory: list[Row]
    all_memory: list[Row]
    inference: dict[str, Row]
    tradeoff: list[Row]
    times: list[Row]
    latency: Row
    paper_memory: list[Row]
    paper_parameters: list[Row]
    policies: list[Row]

    @property
    def methods(self) -> tuple[str, ...]:
        """BlocTrain and the baselines that were trained."""
        return tuple(method for method in METHODS if method in ("bloctrain", *self.params.baselines.trained))

    @property
    def built(self) -> list[Block]:
        """The blocks that were built, from the first on."""
        return [block for block in self.blocks if block.built]

    @property
    def class_names(self) -> list[str]:
        """Names `[K]` by class index."""
        return [str(name) for name in self.manifest["class_names"]]

    def images(self, split: str) -> int:
        """Images of a split."""
        return int(self.manifest["counts"][split]["total"])


def load_results(params: Params, folders: Folders) -> Results:
    """Read the run in force.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    runs, accounting = folders.runs, folders.runs / "accounting"
    memory = read_table(accounting / "training_memory.csv")
    return Results(
        params, folders, read_json(folders.prepared / "manifest.json"),
        blocks=[_load_block(folders, key, block.prev) for key, block in params.blocks.items()],
        exits=read_arrays(runs / "exits_test.npz"), base_exits=read_arrays(runs / "exits_base_test.npz"),
        depths=read_table(runs / "accuracy_by_depth.csv"), all_memory=memory,
        memory=[row for row in memory if row["images"] == params.training.batch_size],
        inference={row["method"]: row for row in read_table(accounting / "inference.csv")},
        tradeoff=read_table(accounting / "tradeoff.csv"), times=read_table(runs / "training_time.csv"),
        latency=read_json(runs / "latency.json"), paper_memory=read_table(accounting / "paper_training_memory.csv"),
        paper_parameters=read_table(accounting / "paper_parameters.csv"), policies=read_table(folders.anytime / "policies.csv"),
    )  # fmt: skip


def _load_block(folders: Folders, key: str, prev: str) -> Block:
    folder = folders.block(key)
    asked = read_json(folders.block(prev) / "next.json")  # what the block before asks this one to learn
    groups, rows = read_json(folder / "groups.json"), read_table(folder / "class_accuracy.csv")
    accuracy = {metric: np.array([row[metric] for row in rows], float) for metric in ("recall", "one_vs_rest")}
    built, threshold = bool(asked["build"]), read_json(folder / "classes.json")["threshold"]
    trained_on = list(asked["classes"]) if built else []
    return Block(key, built, asked["reason"] or "", trained_on, groups["easy"], groups["hard"], accuracy, threshold)


def by_block(rows: list[Row], method: str) -> dict[str, Row]:
    """Rows of one method, by block key."""
    return {row["block"]: row for row in rows if row["method"] == method}


def seconds_per_epoch(row: Row | None) -> float:
    """Seconds that one epoch of a block takes: its median, and its share of the forward pass that makes the features that the
    next block trains on. 0 for a block that was not built."""
    if row is None or not row["epochs"]:
        return 0.0
    return float(row["median_seconds_per_epoch"] or 0.0) + float(row.get("forward_seconds") or 0.0) / float(row["epochs"])
