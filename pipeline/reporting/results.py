"""The result files of one run, read into one object. docs/formats.md describes each file."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.base.files import read_arrays, read_json, read_table
from pipeline.base.folders import Folders
from pipeline.config import Params

NAMES = {"bloctrain": "BlocTrain", "bloctrain_base": "BlocTrain-base", "end_to_end": "end-to-end"}
"""How tables and figures call the methods."""
Row = dict[str, Any]
"""A row of a table by column: numbers converted, None for empty cells."""
CIFAR_SHAPE = [3, 32, 32]
CIFAR = {
    "cifar10": (6000, "airplane automobile bird cat deer dog frog horse ship truck".split()),
    "cifar100": (
        600,
        "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
        "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish "
        "forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle "
        "mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine "
        "possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
        "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale "
        "willow_tree wolf woman worm".split(),
    ),
}
"""Images per class, training and test together, and class names in torchvision's order (Krizhevsky 2009)."""


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
    threshold: float | None = None


@dataclass(frozen=True)
class Results:
    """Everything that tables and figures are made of."""

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
    folders: Folders = field(default_factory=Folders)

    @property
    def built(self) -> list[Block]:
        """The blocks that were built, from the first on."""
        return [block for block in self.blocks if block.built]

    @property
    def class_names(self) -> list[str]:
        """Names `[K]` by class index."""
        return [str(name) for name in self.manifest["class_names"]]

    @property
    def dataset(self) -> str:
        """`dataset` of this run."""
        return dataset(self.params, self.manifest)

    def images(self, split: str) -> int:
        """Images of a split."""
        return int(self.manifest["counts"][split]["total"])

    def trained_on(self, method: str) -> int:
        """Images that a method was trained on: BlocTrain the training split, the baselines the validation split as well."""
        return self.images("train") + (0 if method == "bloctrain" else self.images("validation"))


def by_block(rows: list[Row], method: str) -> dict[str, Row]:
    """Rows of one method, by block key."""
    return {row["block"]: row for row in rows if row["method"] == method}


def seconds_per_epoch(row: Row | None) -> float:
    """Seconds that one epoch of a block takes: its median, and its share of the forward pass that makes the features that the
    next block trains on. 0 for a block that was not built."""
    if row is None or not row["epochs"]:
        return 0.0
    return float(row["median_seconds_per_epoch"] or 0.0) + float(row.get("forward_seconds") or 0.0) / float(row["epochs"])


def dataset(params: Params, manifest: Row) -> str:
    """The data source; an image folder with the class names, the shape and the counts of a CIFAR set counts as that set."""
    totals = [sum(counts) for counts in zip(*(split["per_class"] for split in manifest["counts"].values()), strict=True)]
    for name, (images, classes) in CIFAR.items():
        same = list(manifest["class_names"]) == classes and manifest["image_shape"] == CIFAR_SHAPE
        if params.data.source == "image_folder" and same and totals == [images] * len(classes):
            return name
    return params.data.source


def load_results(params: Params, folders: Folders) -> Results:
    """Read the run in force.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    runs, accounting = folders.runs, folders.runs / "accounting"
    return Results(
        params=params,
        manifest=read_json(folders.prepared / "manifest.json"),
        blocks=[_load_block(folders, key, block.prev) for key, block in params.blocks.items()],
        exits=read_arrays(runs / "exits_test.npz"),
        base_exits=read_arrays(runs / "exits_base_test.npz"),
        depths=read_table(runs / "accuracy_by_depth.csv"),
        memory=read_table(accounting / "training_memory.csv"),
        inference={row["method"]: row for row in read_table(accounting / "inference.csv")},
        tradeoff=read_table(accounting / "tradeoff.csv"),
        times=read_table(runs / "training_time.csv"),
        latency=read_json(runs / "latency.json"),
        paper_memory=read_table(accounting / "paper_training_memory.csv"),
        folders=folders,
    )


def _load_block(folders: Folders, key: str, prev: str) -> Block:
    folder = folders.block(key)
    asked = read_json(folders.block(prev) / "next.json")  # what the block before asks this one to learn
    groups, rows = read_json(folder / "groups.json"), read_table(folder / "class_accuracy.csv")
    accuracy = {metric: np.array([row[metric] for row in rows], float) for metric in ("recall", "one_vs_rest")}
    built, threshold = bool(asked["build"]), read_json(folder / "classes.json")["threshold"]
    trained_on = list(asked["classes"]) if built else []
    return Block(key, built, asked["reason"] or "", trained_on, list(groups["easy"]), list(groups["hard"]), accuracy, threshold)
