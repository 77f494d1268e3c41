"""`python -m benchmarks.methods`: BlocTrain beside end-to-end training, in time per epoch and in memory by depth.

Time: one epoch of each of ResNet-9's three blocks (their sum is BlocTrain's epoch) and of the whole network end to end,
on the same random images at the same batch size; the blocks' inputs once from cached features, once recomputed
through the frozen prefix (the paper's way; it reports 1.13 times end to end). Block 3 trains on the hard classes only, 3
of 10 in the paper, so its epoch counts in that share; the sum with all images through every block stands beside it.
Memory: networks of 3, 4, 6 and 8 equal residual blocks. Every measurement is a process of its own. Writes
methods.json, methods.md and memory_by_depth.png.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.measure import peak_rss_mb, saved_bytes_per_image
from benchmarks.methods_report import write_reports
from benchmarks.networks import (
    CPU,
    HostFeed,
    build,
    equal_blocks,
    image_shape,
    make_params,
    paper_bytes_per_image,
    random_labels,
    random_spikes,
    resnet9_blocks,
    training_step,
)
from benchmarks.run import ROOT, machine, positive
from pipeline.base.files import write_json
from pipeline.config import Params
from pipeline.encoding.storage import write_spikes
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Engine
from pipeline.network.block import Block, Trunk
from pipeline.network.build import build_trunk
from pipeline.network.params import chain_to
from pipeline.training.feed import CachedFeed, Feed, PrefixFeed, time_major

FOLDER = Path("reports/benchmark")
DEPTHS = (3, 4, 6, 8)
WIDTH, HIDDEN = 16, 64
HARD_SHARE = 0.3
"""Section 5.2, Figure 4: 3 of CIFAR-10's 10 classes are hard after block 1, and block 3 trains on them."""
PAPER_SLOWDOWN = 1.13
"""Sections 5.2 and 6.4.2 of the paper, ResNet-9 at the same batch size: BlocTrain's training time over end-to-end training's."""


def measure_epoch(order: dict[str, Any]) -> dict[str, Any]:
    """Seconds of one epoch of the blocks `keys` (one block, or all of them end to end), and its memory.

    `order` has family ("resnet9" or "equal"), depth, keys, source ("encoded", "cached" or "recompute"), images, batch,
    micro_batch, steps, precision.
    """
    blocks = resnet9_blocks(16, 256) if order["family"] == "resnet9" else equal_blocks(order["depth"], WIDTH, HIDDEN)
    params = make_params(blocks, order["steps"], order["micro_batch"], order["precision"])
    keys, images, batch = order["keys"], order["images"], order["batch"]
    host, label = random_spikes(images, order["steps"]), random_labels(images)
    before = chain_to(params.blocks, keys[0])[:-1]
    with tempfile.TemporaryDirectory() as folder:
        feature_seconds = 0.0
        feed: Feed = HostFeed(host)
        if before:
            engine = choose_engine(params.compute.kernel, "cpu", params.compute.precision)
            prefix = build_trunk(params, before, image_shape(params), engine=engine).requires_grad_(False)
            if order["source"] == "cached":
                feed, feature_seconds = _cached(params, engine, prefix, host, Path(folder))
            else:
                feed = PrefixFeed(feed, prefix, before[-1:])
        block = build(params, keys)
        start_rss = peak_rss_mb()
        step = training_step(params, block, feed, label, batch)
        step(0)
        started = time.perf_counter()
        for first in range(0, images - batch + 1, batch):
            step(first)
        seconds = time.perf_counter() - started
        return order | {
            "seconds": seconds, "feature_seconds": feature_seconds, "peak_rss_mb": peak_rss_mb(), "start_rss_mb": start_rss,
            "saved_bytes_per_image": _saved(block, feed), "paper_bytes_per_image": paper_bytes_per_image(params, keys),
        }  # fmt: skip


def _cached(params: Params, engine: Engine, prefix: Trunk, host: np.ndarray, folder: Path) -> tuple[CachedFeed, float]:
    """The features of all images, and the seconds that making them took (once per noise realisation)."""
    micro, dtype = params.compute.micro_batch, engine.dtype
    started = time.perf_counter()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        chunks = (
            prefix(time_major(host[s : s + micro], CPU, dtype)).to(torch.int8).numpy().swapaxes(0, 1)
            for s in range(0, len(host), micro)
        )
        write_spikes(folder / "train_r0", chunks, len(host), signed=False)
    return CachedFeed({prefix.plans[-1].key: folder}, "train", 1), time.perf_counter() - started


def _saved(block: Block, feed: Feed) -> float:
    dtype = block.engine.dtype

    def forward(images: int) -> torch.Tensor:
        spikes = feed.to_device(feed.read(np.arange(images), 0), CPU, dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            return block(spikes).logits

    return saved_bytes_per_image(forward, block, 3)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=positive, default=256, help="random images per epoch (default 256)")
    parser.add_argument("--batch", type=positive, default=64)
    parser.add_argument("--micro-batch", type=positive, default=16)
    parser.add_argument("--precision", choices=("32", "bf16"), default="bf16", help="float32 is faster where bf16 is not native")
    parser.add_argument("--steps", type=positive, default=25)
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--smoke", action="store_true", help="8 images, batch 4, T = 5, one repeat, depths 3 and 4")
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measure_epoch(json.loads(options.child))))
        return
    if options.smoke:
        options.images, options.batch, options.micro_batch, options.steps, options.repeats = 8, 4, 4, 5, 1
    if options.images % options.batch:
        parser.error(f"--images {options.images} is not a whole number of batches of {options.batch}")
    common = {"images": options.images, "batch": options.batch, "steps": options.steps, "micro_batch": options.micro_batch,
              "precision": options.precision}  # fmt: skip
    epochs = _epochs(common, options.repeats)
    depths = _depths(common | {"images": options.batch, "micro_batch": options.batch}, (3, 4) if options.smoke else DEPTHS)
    summary = {"machine": machine(), "epoch": epochs, "by_depth": depths, "paper_slowdown": PAPER_SLOWDOWN}
    write_json(options.output / "methods.json", summary)
    write_reports(options.output, summary)
    print(f"wrote {options.output}/methods.json, methods.md and memory_by_depth.png")


def _epochs(common: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Seconds per epoch of each block and of the whole, alternating, and BlocTrain's over end to end's."""
    jobs = {"end_to_end": (["b1", "b2", "b3"], "encoded"), "b1": (["b1"], "encoded")}
    for key in ("b2", "b3"):
        jobs |= {f"{key}_cached": ([key], "cached"), f"{key}_recompute": ([key], "recompute")}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for repeat in range(repeats):
        for name, (keys, source) in jobs.items():
            row = _run({"family": "resnet9", "depth": 3, "keys": keys, "source": source} | common)
            found[name].append(row)
            print(f"repeat {repeat + 1}/{repeats}: {name} {row['seconds']:.2f} s per epoch", flush=True)
    seconds = {name: [row["seconds"] for row in rows] for name, rows in found.items()}
    ratios = {}
    for share in (HARD_SHARE, 1.0):
        for source in ("cached", "recompute"):
            parts = zip(seconds["b1"], seconds[f"b2_{source}"], seconds[f"b3_{source}"], seconds["end_to_end"], strict=True)
            by_repeat = [(first + second + share * third) / whole for first, second, third, whole in parts]
            ratios[f"{source}, block 3 on {share:.0%}"] = {
                "source": source, "share": share,
                "median": median(by_repeat), "min": min(by_repeat), "max": max(by_repeat),
            }  # fmt: skip
    features = {name: median(row["feature_seconds"] for row in rows) for name, rows in found.items() if "cached" in name}
    return common | {"seconds": {name: median(values) for name, values in seconds.items()}, "seconds_by_repeat": seconds,
                     "feature_seconds": features, "bloctrain_over_end_to_end": ratios}  # fmt: skip


def _depths(common: dict[str, Any], depths: Sequence[int]) -> list[dict[str, Any]]:
    """Memory of training by number of blocks: BlocTrain's largest block (the first or the last) and end to end."""
    rows = []
    for depth in depths:
        keys = [f"b{i}" for i in range(1, depth + 1)]
        for method, chosen in (("bloctrain", [keys[:1], keys[-1:]]), ("end_to_end", [keys])):
            order = {"family": "equal", "depth": depth, "source": "recompute"} | common
            measured = [_run(order | {"keys": part}) for part in chosen]
            row = {"method": method, "depth": depth, "batch": common["batch"], "steps": common["steps"]}
            for name in ("peak_rss_mb", "start_rss_mb", "saved_bytes_per_image", "paper_bytes_per_image"):
                row[name] = max(found[name] for found in measured)
            rows.append(row)
            print(f"{depth} blocks, {method}: peak {row['peak_rss_mb']:.0f} MB, "
                  f"{row['saved_bytes_per_image'] / 1e6:.2f} MB saved per image", flush=True)  # fmt: skip
    return rows


def _run(order: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.methods", "--child", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["killed, out of memory?"]
        raise SystemExit(f"error: {order}: failed ({said[-1]})")
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return row


if __name__ == "__main__":
    main()
