"""A trained network on disk: block.safetensors, history.csv and timing.json in its folder."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pipeline.base.files import write_csv, write_json
from pipeline.network.block import Block
from pipeline.training.loop import HISTORY, EpochRow
from pipeline.training.stored import WEIGHTS
from pipeline.training.watch import RATE, SILENT
from pipeline.training.weights import save_weights


def save_trained(folder: Path, network: Block | None, history: Sequence[EpochRow], images: int) -> None:
    """Write a network trained on `images` images; empty files for a block that is not built."""
    save_weights(folder / WEIGHTS, network.state_dict() if network else {})
    columns = [*HISTORY, *(name for name in (history[0] if history else ()) if name.startswith((RATE, SILENT)))]
    write_csv(folder / "history.csv", columns, [[row[name] for name in columns] for row in history])
    seconds = [row["seconds"] for row in history if row["seconds"] is not None]
    write_json(folder / "timing.json", {
        "images": images, "epochs": len(history), "seconds": sum(seconds),
        "median_seconds_per_epoch": median(seconds) if seconds else None,
    })  # fmt: skip
