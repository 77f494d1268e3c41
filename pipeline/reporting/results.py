"""The result files of one run, read into one object. Each file's content is described in docs/formats.md."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.files import damaged, missing, read_arrays, read_json
from pipeline.config import Params
from pipeline.layout import RUNS, block_folder

PREPARED = Path("data/prepared")
METHODS = ("bloctrain", "bloctrain_base", "end_to_end")
NAMES = {"bloctrain": "BlocTrain", "bloctrain_base": "BlocTrain-base", "end_to_end": "end-to-end"}
Row = dict[str, Any]
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_PER_CLASS = 6000
CIFAR10_SHAPE = [3, 32, 32]
"""Krizhevsky (2009): ten classes of 6,000 images."""


@dataclass(frozen=True)
class Block:
    """One block's partition. `accuracy[metric]` is float64 `[K]`, empty if the block was not built; `reason` says why not.

    `trained_on` are the classes of its classifier: the hard classes of the block two before.
    """

    key: str
    built: bool
    reason: str
    trained_on: list[int]
    easy: list[int]
    hard: list[int]
    accuracy: dict[str, np.ndarray]


@dataclass(frozen=True)
class Results:
    """Everything that tables and figures are made of; rows are CSV rows with numbers converted, None for empty cells."""

    params: Params
    manifest: Row
    blocks: list[Block]
    exits: dict[str, np.ndarray]
    base_exits: dict[str, np.ndarray]
    depths: list[Row]
    memory: list[Row]
    inference: dict[str, Row]
    tradeoff: list[Row]
    times: list[Row]
    latency: Row
    paper_memory: list[Row]

    @property
    def built(self) -> list[Block]:
        return [block for block in self.blocks if block.built]

    @property
    def class_names(self) -> list[str]:
        return [str(name) for name in self.manifest["class_names"]]

    @property
    def dataset(self) -> str:
        return dataset(self.params, self.manifest)

    def images(self, split: str) -> int:
        return int(self.manifest["counts"][split]["total"])

    def trained_on(self, method: str) -> int:
        """Images that a method was trained on: BlocTrain the training split, the baselines the validation split as well."""
        return self.images("train") + (0 if method == "bloctrain" else self.images("validation"))

    def by_block(self, rows: list[Row], method: str) -> dict[str, Row]:
        """Rows of one method, by block key."""
        return {row["block"]: row for row in rows if row["method"] == method}


def dataset(params: Params, manifest: Row) -> str:
    """The data source; an image folder with the class names, the shape and the number of images of CIFAR-10 counts as cifar10."""
    totals = [sum(counts) for counts in zip(*(split["per_class"] for split in manifest["counts"].values()), strict=True)]
    is_cifar10 = (
        tuple(manifest["class_names"]) == CIFAR10
        and manifest["image_shape"] == CIFAR10_SHAPE
        and totals == [CIFAR10_PER_CLASS] * len(CIFAR10)
    )
    return "cifar10" if params.data.source == "image_folder" and is_cifar10 else params.data.source


def load_results(params: Params) -> Results:
    """Read the run in force.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    accounting = RUNS / "accounting"
    return Results(
        params=params,
        manifest=read_json(PREPARED / "manifest.json"),
        blocks=load_blocks(params),
        exits=read_arrays(RUNS / "exits_test.npz"),
        base_exits=read_arrays(RUNS / "exits_base_test.npz"),
        depths=read_table(RUNS / "accuracy_by_depth.csv"),
        memory=read_table(accounting / "training_memory.csv"),
        inference={row["method"]: row for row in read_table(accounting / "inference.csv")},
        tradeoff=read_table(accounting / "tradeoff.csv"),
        times=read_table(RUNS / "training_time.csv"),
        latency=read_json(RUNS / "latency.json"),
        paper_memory=read_table(accounting / "paper_training_memory.csv"),
    )


def load_blocks(params: Params) -> list[Block]:
    """Each block's partition; a block is built if the block before said so."""
    blocks = []
    for key, block in params.blocks.items():
        before = read_json(block_folder(block.prev) / "joint_targets.json")
        groups = read_json(block_folder(key) / "groups.json")
        rows = read_table(block_folder(key) / "class_accuracy.csv")
        blocks.append(
            Block(
                key=key,
                built=bool(before["build"]),
                reason=str(before["reason"] or ""),
                trained_on=list(read_json(block_folder(block.prev2) / "groups.json")["hard"]) if before["build"] else [],
                easy=list(groups["easy"]),
                hard=list(groups["hard"]),
                accuracy={metric: np.array([row[metric] for row in rows], float) for metric in ("recall", "one_vs_rest")},
            )
        )
    return blocks


def read_table(path: Path) -> list[Row]:
    """A CSV file as rows; cells that are numbers become float (int where they are written so), empty cells None.

    Raises:
        UserError: missing, or a row does not have the header's cells.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream)) or [[]]
    except FileNotFoundError as error:
        raise missing(path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise damaged(path, error) from error
    if not header or any(len(row) != len(header) for row in rows):
        raise damaged(path, "not a table")
    return [dict(zip(header, map(_cell, row), strict=True)) for row in rows]


def _cell(text: str) -> int | float | str | None:
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def parameter_count(path: Path) -> int:
    """Number of values in a safetensors file, from its header alone.

    Raises:
        UserError: missing or damaged.
    """
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except FileNotFoundError as error:
        raise missing(path) from error
    except (ValueError, OSError, KeyError, AttributeError, MemoryError, OverflowError) as error:
        raise damaged(path, error) from error
