"""`python -m benchmarks.dense_type`: training in bf16, gradients of inputs in bfloat16 and in float32, alternating.

Writes reports/benchmark/dense_type.md: what the choice of `pipeline.engine.dense_type` is worth on this machine.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import torch

from benchmarks.networks import CLASSES, NETWORKS, HostFeed, image_shape, random_labels, random_spikes, resnet9, training_step
from benchmarks.run import machine, positive
from pipeline.engine.dense_type import dense_type, speed_ratio
from pipeline.engine.event_driven import EventEngine
from pipeline.network.build import build_block
from pipeline.neuron.fused import scans

OUT = Path("reports/benchmark/dense_type.md")
TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
HEADINGS = ["network", *(f"{name}, images/s" for name in TYPES), "float32 over bfloat16"]
STEPS, BATCH = 25, 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dense_type", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=positive, default=5, help="measurements of each (default 5)")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = [row(name, keys, rounds) for name, keys in NETWORKS.items()]
    taken = next(name for name, dtype in TYPES.items() if dtype == dense_type())
    lines = [
        "# Gradients of inputs: bfloat16 or float32", "",
        f"Made by `python -m benchmarks.dense_type` on {machine()}, T = {STEPS}, batch {BATCH}, median of "
        f"{rounds} rounds in turns. It takes {taken}: such a gradient alone is {speed_ratio():.2f} times as fast in float32.",
        "", *("| " + " | ".join(cells) + " |" for cells in [HEADINGS, ["---"] * len(HEADINGS), *rows]),
    ]  # fmt: skip
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT.read_text())


def row(name: str, keys: list[str], rounds: int) -> list[str]:
    """Images per second of one network with each type, and their ratio, the median of the rounds'."""
    params = resnet9(STEPS, BATCH)
    feed, label = HostFeed(random_spikes(BATCH, STEPS)), random_labels(BATCH)
    steps = {}
    for kind, dtype in TYPES.items():
        engine = EventEngine(scans, torch.bfloat16, "", dtype)
        block = build_block(params, keys, image_shape(params), CLASSES, False, "benchmark", engine)
        steps[kind] = training_step(params, block, feed, label, BATCH)
        steps[kind](0)
    rates: dict[str, list[float]] = {kind: [] for kind in TYPES}
    for _ in range(rounds):
        for kind, step in steps.items():
            began = time.perf_counter()
            step(0)
            rates[kind].append(BATCH / (time.perf_counter() - began))
    ratio = median(b / a for a, b in zip(*rates.values(), strict=True))
    return [name, *(f"{median(rate):.1f}" for rate in rates.values()), f"{ratio:.2f}x"]


if __name__ == "__main__":
    main()
