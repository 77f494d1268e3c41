"""`python -m benchmarks.unfolded`: convolutions of small images by the library and as matrix products, alternating.

Writes reports/benchmark/unfolded.md. With more places than MOST_PLACES of `pipeline.engine.unfolded` products are never faster.
They are taken only where the processor multiplies bfloat16 in tiles.
"""

import argparse
from pathlib import Path
from statistics import median

import torch

from benchmarks.run import machine, positive
from pipeline.engine import unfolded
from pipeline.engine.speed import MARGIN
from pipeline.training.device import keep_freed_memory

OUT = Path("reports/benchmark/unfolded.md")
SIDES, CHANNELS = (2, 4, 8, 16), (16, 32, 64, 128, 256)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unfolded", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=positive, default=5, help="measurements of each (default 5)")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    headings = ["places", *(f"{channels} channels" for channels in CHANNELS)]
    keep_freed_memory()
    rows = [
        [f"{side} x {side}", *(f"{median(measured(side, channels) for _ in range(rounds)):.2f}x" for channels in CHANNELS)]
        for side in SIDES
    ]
    lines = [
        "# Convolutions as matrix products", "",
        f"Made by `python -m benchmarks.unfolded` on {machine()}, one thread used: how many times as fast 3 x 3 convolutions of "
        f"{unfolded.IMAGES} images are as matrix products, forward and backward in bfloat16, median of {rounds} measurements.",
        f"Products are {'' if unfolded.tiles() else 'not '}taken here, up to {unfolded.MOST_PLACES} places, where a measurement "
        f"finds them {MARGIN} times as fast.",
        "", *("| " + " | ".join(cells) + " |" for cells in [headings, ["---"] * len(headings), *rows]),
    ]  # fmt: skip
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT.read_text())


def measured(side: int, channels: int) -> float:
    """The library's time over the product's."""
    return unfolded.speed_ratio((channels, channels, 3, 3), side, side, 1)


if __name__ == "__main__":
    main()
