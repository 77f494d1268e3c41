"""`python -m benchmarks.modern`: the modern recipe's training, computed in torch operations and in compiled kernels.

Writes reports/benchmark/modern.md: images per second of each block of cifar10-modern-cpu, by engine and precision.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import cross_entropy

from benchmarks.run import machine, positive
from pipeline.config import Params, load_params
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Engine
from pipeline.network.build import build_block
from pipeline.network.plan import plan_blocks
from pipeline.training.device import keep_freed_memory
from pipeline.training.optimizer import make_optimizer

OUT = Path("reports/benchmark/modern.md")
EXPERIMENT = Path("experiments/cifar10-modern-cpu.yaml")
IMAGE, CLASSES = (3, 32, 32), 10
ENGINES = {
    "torch, float32": ("reference", "32"),
    "torch, bfloat16": ("reference", "bf16"),
    "compiled, float32": ("auto", "32"),
    "compiled, bfloat16": ("auto", "bf16"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.modern", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=positive, default=7, help="measurements of each (default 7)")
    parser.add_argument("--threads", type=positive, default=1, help="threads (default 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    params = load_params(EXPERIMENT)
    engines = {
        name: choose_engine(kernel, "cpu", precision, params.neuron.levels)  # type: ignore[arg-type]
        for name, (kernel, precision) in ENGINES.items()
    }
    headings = ["block", *(f"{name}, images/s" for name in engines), "last over first"]
    rows = [row(params, key, engines, options.rounds) for key in params.blocks]
    lines = [
        "# The modern recipe: torch operations and compiled kernels", "",
        f"Made by `python -m benchmarks.modern` on {machine()}, {options.threads} thread(s): a step of training on "
        f"{params.training.batch_size} images, the median of {options.rounds} rounds in turns; the ratio is the rounds' median.",
        f"compiled: {engines['compiled, bfloat16'].line}.",
        "", *("| " + " | ".join(cells) + " |" for cells in [headings, ["---"] * len(headings), *rows]),
    ]  # fmt: skip
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT.read_text())


def row(params: Params, key: str, engines: dict[str, Engine], rounds: int) -> list[str]:
    """Images per second of training one block with each engine, and the ratio of the last to the first."""
    steps = [training_step(params, key, engine) for engine in engines.values()]
    rates: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for step, own in zip(steps, rates, strict=True):
            began = time.perf_counter()
            step()
            if number:  # the first warms up
                own.append(params.training.batch_size / (time.perf_counter() - began))
    ratio = median(last / first for first, last in zip(rates[0], rates[-1], strict=True))
    return [key, *(f"{median(own):.0f}" for own in rates), f"{ratio:.2f}x"]


def training_step(params: Params, key: str, engine: Engine) -> Callable[[], None]:
    """One step of block `key` on random spikes, or images for the first block."""
    generator = torch.Generator().manual_seed(0)
    block = build_block(params, [key], IMAGE, CLASSES, False, "benchmark", engine, kind="analog").train()
    optimizer = make_optimizer(params.training, block, 0.01)
    shape = (params.training.batch_size, *plan_blocks(params, IMAGE, "analog")[key].inputs)
    counts = torch.randint(0, 3, shape, generator=generator).contiguous(memory_format=torch.channels_last)
    label = torch.randint(CLASSES, shape[:1], generator=generator)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=engine.dtype == torch.bfloat16)

    def step() -> None:
        with autocast:
            output = block(counts.to(engine.dtype)[None])
        cross_entropy(output.logits, label).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
