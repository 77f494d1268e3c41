"""Where artifacts lie: one folder per block under runs/, named by the block's key (b0 is the encoder)."""

from pathlib import Path

RUNS = Path("runs")
REPORTS = Path("reports")


def block_folder(key: str) -> Path:
    return RUNS / key


def base_folder(key: str) -> Path:
    """BlocTrain-base's block."""
    return RUNS / key / "base"


def end_to_end_folder(key: str) -> Path:
    """The network trained end to end whose last block is `key`."""
    return RUNS / key / "end_to_end"
