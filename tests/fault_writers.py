"""Every way of writing a result, run as a script in a full folder: `python fault_writers.py json`."""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot

from pipeline.base.files import atomic_folder, write_arrays, write_csv, write_json
from pipeline.encoding.storage import write_spikes
from pipeline.training.resume import Checkpoint
from pipeline.training.weights import save_weights
from stages.stage import guard

RUNS = Path("runs")


def figure() -> None:
    matplotlib.use("agg")
    axes = pyplot.figure().add_subplot()
    axes.imshow(np.random.default_rng(0).random((300, 300)))
    with atomic_folder(RUNS / "figures") as folder:
        pyplot.savefig(folder / "a.svg")
        pyplot.savefig(folder / "a.png", dpi=300)


def checkpoint() -> None:
    model = torch.nn.Linear(300, 300)
    with Checkpoint(Path(".resume"), "x") as resume:
        resume.save(model, torch.optim.Adam(model.parameters()), [])


WRITERS: dict[str, Callable[[], None]] = {
    "json": lambda: write_json(RUNS / "a.json", ["x" * 200_000]),
    "csv": lambda: write_csv(RUNS / "a.csv", ["a"], [["x" * 100]] * 3000),
    "npz": lambda: write_arrays(RUNS / "a.npz", {"a": np.zeros(200_000)}),
    "figure": figure,
    "weights": lambda: save_weights(RUNS / "a.safetensors", {"a": torch.zeros(100_000)}),
    "checkpoint": checkpoint,
    "spikes": lambda: write_spikes(RUNS / "a", (np.ones((50, 5, 4, 16, 16), np.int8) for _ in range(40)), 2000, False),
}

if __name__ == "__main__":
    guard(WRITERS[sys.argv[1]])
