"""What this project does on the GPU at hand: `python -m benchmarks.gpu_check` (`make gpu-check`).

Agreement with the CPU's reference, speed and memory beside SpikingJelly and beside the convolutions alone, hours that the
paper's experiments would take, digits trained on the GPU, and the kernels' own tests. Each part is written to gpu.json as soon
as it is done, with its day, so that a stop loses nothing; gpu.md is the same as tables.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_agreement import agreement
from benchmarks.gpu_digits import digits
from benchmarks.gpu_networks import (
    BATCH,
    CLASSES,
    DEVICE,
    IMAGE,
    NETWORKS,
    STEPS,
    at_what_fits,
    peak_gb,
    random_images,
    resnet,
    seconds,
    synapse_seconds,
)  # fmt: skip
from benchmarks.gpu_table import write_page
from pipeline.accounting.measured import saved_bytes
from pipeline.base.errors import UserError
from pipeline.base.files import damaged, read_json, write_json
from pipeline.network.block import Block
from pipeline.network.build import Design, build_block, build_trunk
from pipeline.training.device import Compute, open_compute
from pipeline.training.device_feed import DeviceFeed
from pipeline.training.feed import EncodedFeed, Feed, PrefixFeed
from pipeline.training.params import ComputeParams
from pipeline.training.replay import graph_replay
from pipeline.training.step import MicroBatch, TrainingSet, accumulate, optimizer_step

EPOCHS, TRAINED_ON, BASELINE_ON = 125, 40000, 50000
"""Of the paper (section 5.1)."""


def machine() -> dict[str, Any]:
    """The GPU, its copy bandwidth (read and written) and its bfloat16 matrix rate."""
    source = torch.empty(2**30, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    copied = 2 * source.numel() / seconds(lambda: target.copy_(source), repeats=5)
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    return {
        "device": torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU",
        "torch": torch.__version__, "python": platform.python_version(),
        "copy_gb_per_s": copied / 1e9, "bf16_tflops": 2 * 8192**3 / seconds(lambda: a @ b, repeats=5) / 1e12,
    }  # fmt: skip


def stepper(compute: Compute, block: Block, feed: Feed, label: np.ndarray, hard: np.ndarray | None = None) -> Callable[[], None]:
    """One training step on a mini-batch, as `pipeline.training.step` makes it."""
    optimizer = torch.optim.Adam(block.parameters(), lr=1e-4, fused=True)
    part, rows, images = TrainingSet(feed, np.arange(BATCH), label, hard), np.arange(BATCH), compute.micro_batch
    replay = graph_replay(compute, block)

    def step() -> None:
        for start in range(0, BATCH, images):
            piece = MicroBatch(part, rows[start : start + images], BATCH, start + images >= BATCH)
            accumulate(compute, block, piece, piece.read(0), replay=replay)
        optimizer_step(compute, block, optimizer)

    return step


def measure_own(name: str, steps: int, kernel: str, images: int) -> dict[str, Any]:
    """images_per_s, peak memory in GB, bytes kept for backward per image."""
    prepared, encoder = random_images(BATCH, steps)
    compute = open_compute(
        ComputeParams.model_validate({"device": DEVICE, "precision": "bf16", "micro_batch": images, "kernel": kernel})
    )
    feed: Any = EncodedFeed(prepared, encoder, "train")
    if compute.engine.name == "triton":
        feed = DeviceFeed(prepared, encoder, "train", compute.device)
    block = compute.place(build_block(resnet(), NETWORKS[name], IMAGE, CLASSES, False, "check", compute.engine)).train()
    taken = seconds(stepper(compute, block, feed, prepared.label), warm_up=3)
    peak = peak_gb()
    bundle = feed.to_device(feed.read(np.arange(2), 0), compute.device, compute.dtype)
    with compute.autocast():
        kept = saved_bytes(block, lambda: block(bundle).logits.sum()) / 2e6
    return {"images_per_s": BATCH / taken, "micro_batch": images, "peak_gb": peak, "saved_mb_per_image": kept}


def throughput() -> list[dict[str, Any]]:
    """This project's Triton engine at every size, its share of the convolutions' rate, and torch's scans once."""
    rows = []
    for steps in STEPS:
        for name, keys in NETWORKS.items():
            row = _row(name, steps, "auto")
            if "images_per_s" in row:
                images = row["micro_batch"]
                alone, operations = synapse_seconds(resnet(), keys, steps, images)
                row |= {"synapses_tflops": operations / alone / 1e12, "share_of_synapses": alone / (images / row["images_per_s"])}
            rows.append(row)
            print(json.dumps(row), flush=True)
    rows.append(_row("first block", 25, "lean"))
    return rows


def _row(name: str, steps: int, kernel: str) -> dict[str, Any]:
    row = {"network": name, "steps": steps, "how": f"bloctrain, {kernel}"}
    return row | _guarded(lambda: at_what_fits(partial(measure_own, name, steps, kernel)))


def peers(limit: float) -> list[dict[str, Any]]:
    """SpikingJelly's rows for each of its implementations, each in a process of its own."""
    rows = []
    for how in ("triton", "cuda"):
        environment = os.environ | {f"SJ_{kind}_CUDA_IMPLEMENTATION": how for kind in ("LIF", "IF")}
        command = [sys.executable, "-m", "benchmarks.gpu_peer"]
        started = time.perf_counter()
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
            said, trouble = done.stdout, done.stderr.strip().splitlines()[-1:] or [""]
        except subprocess.TimeoutExpired as error:
            said, trouble = (error.stdout or b"").decode(), ["out of time"]
        found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        rows += found or [{"how": how, "trouble": trouble[0][:200]}]
        print(f"SpikingJelly, {how}: {len(found)} rows in {time.perf_counter() - started:.0f} s", flush=True)
    return rows


def epochs() -> dict[str, Any]:
    """Minutes of an epoch of each network of the paper's two ResNets at T = 100, and hours of all for 125 epochs.

    A block behind the first trains on what the frozen blocks before it make anew: their forward pass counts with it.
    """
    found = {}
    for label, fourth, classes in (("cifar10-resnet9", False, 10), ("cifar100-resnet11", True, 100)):
        design = resnet(fourth=fourth)
        keys = list(design.blocks)
        rates = {key: _rate(design, keys[:number], [key], classes) for number, key in enumerate(keys)}
        whole = _rate(design, [], keys, classes)
        blocks = {key: TRAINED_ON / rate / 60 for key, rate in rates.items()}
        base = {key: BASELINE_ON / rate / 60 for key, rate in rates.items()}
        end_to_end = BASELINE_ON / whole / 60
        hours = {"bloctrain": sum(blocks.values()), "bloctrain_base": sum(base.values()), "end_to_end": end_to_end}
        found[label] = {
            "minutes_per_epoch": {"bloctrain": blocks, "bloctrain_base": base, "end_to_end": end_to_end},
            "hours_for_125_epochs": {name: EPOCHS * minutes / 60 for name, minutes in hours.items()},
        }  # fmt: skip
    return found


def _rate(design: Design, frozen: list[str], trained: list[str], classes: int) -> float:
    """Images per second of training the blocks `trained` on the output of the `frozen` ones, at T = 100."""
    prepared, encoder = random_images(BATCH, 100)

    def measure(images: int) -> dict[str, Any]:
        compute = open_compute(ComputeParams.model_validate({"device": DEVICE, "precision": "bf16", "micro_batch": images}))
        feed: Feed = DeviceFeed(prepared, encoder, "train", compute.device)
        if frozen:
            prefix = compute.place(build_trunk(design, frozen, IMAGE, engine=compute.engine))
            feed = PrefixFeed(feed, prefix, [frozen[-1]])
        block = compute.place(build_block(design, trained, IMAGE, classes, bool(frozen), "rate", compute.engine)).train()
        hard = np.zeros(BATCH, np.float32) if frozen else None
        return {"images_per_s": BATCH / seconds(stepper(compute, block, feed, prepared.label, hard))}

    return float(at_what_fits(measure).get("images_per_s", float("nan")))


def kernels(limit: float) -> dict[str, Any]:
    """The kernels' tests on the device."""
    tests = [
        "tests/neuron/test_triton.py",
        "tests/encoding/test_device_poisson.py",
        "tests/training/test_replay.py",
        "-p",
        "no:cacheprovider",
    ]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-s", *tests], capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {"trouble": f"not finished in {limit:.0f} s"}
    return {"returned": done.returncode, "tail": (done.stdout + done.stderr).splitlines()[-12:]}


def _kept(path: Path) -> dict[str, Any]:
    """What was found before with the same GPU and torch; a part that is measured again takes its place.

    Raises:
        UserError: the file is damaged.
    """
    kept = read_json(path) if path.exists() else {}
    if not isinstance(kept, dict) or not isinstance(kept.get("machine", {}), dict):
        raise damaged(path, "no mapping of parts")
    made = kept.get("machine", {})
    return kept if (made.get("device"), made.get("torch")) == (torch.cuda.get_device_name(), torch.__version__) else {}


def _guarded(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except Exception as error:  # one part's trouble is no other's
        return {"trouble": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def main() -> None:
    """Every part that the time allows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=7.5)
    parser.add_argument("--only", help="parts, with commas between them; the others are kept if this GPU and torch made them")
    parser.add_argument("--out", type=Path, default=Path("reports/benchmark"))
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("error: torch finds no GPU here; run this on a machine that has one")
    started, ends = time.monotonic(), time.monotonic() + 60 * arguments.minutes

    def left() -> float:
        return max(1.0, ends - time.monotonic())

    parts: dict[str, Callable[[], Any]] = {
        "machine": machine, "agreement": agreement, "throughput": throughput, "spikingjelly": lambda: peers(min(70, left())),
        "epochs": epochs, "digits": digits, "kernels": lambda: kernels(min(150, left())),
    }  # fmt: skip
    chosen = arguments.only.split(",") if arguments.only else list(parts)
    if unknown := [name for name in chosen if name not in parts]:
        parser.error(f"--only: no part {', '.join(unknown)}; parts are {', '.join(parts)}")
    try:
        found = _kept(arguments.out / "gpu.json") if arguments.only else {}
    except UserError as mistake:
        sys.exit(f"error: {mistake}")
    for name in chosen:
        began = time.monotonic()
        found[name] = _guarded(parts[name]) if began < ends else {"trouble": "no time left"}
        found.setdefault("seconds", {})[name] = round(time.monotonic() - began, 1)
        found.setdefault("measured", {})[name] = str(datetime.now(UTC).date())
        write_json(arguments.out / "gpu.json", found)
        print(f"{name}: {time.monotonic() - began:.0f} s, {time.monotonic() - started:.0f} s in all", flush=True)
    print(write_page(arguments.out))


if __name__ == "__main__":
    main()
