"""The inference stage: exits, sweep and depths by replay; agreement, operations and latency by running."""

from collections.abc import Callable
from typing import Any as Params

import numpy as np

from pipeline.base.files import read_json, write_arrays, write_csv, write_json
from pipeline.encoding import FIXED
from pipeline.inference.latency import measure_alternating, speedups
from pipeline.inference.networks import METHODS, check_digests, load_end_to_end, load_stages, votes
from pipeline.inference.params import thresholds
from pipeline.inference.runner import ConditionalRunner, run_chunk
from pipeline.inference.sweep import accuracy_by_depth, sweep
from pipeline.inference.synaptic import synaptic_operations
from pipeline.layout import RUNS, block_folder, end_to_end_folder
from pipeline.partition.exit_rule import BlockVote, Exits, replay
from pipeline.partition.votes import load_outputs
from pipeline.training.context import Context
from pipeline.training.feed import CachedFeed

EVALUATED = {"bloctrain": ("validation", "test"), "bloctrain_base": ("test",)}
EXITS_FILE = {"bloctrain": "exits_{}.npz", "bloctrain_base": "exits_base_{}.npz"}


def replay_step(params: Params, classes: int) -> None:
    """Write exits_*.npz, sweep.csv and accuracy_by_depth.csv from stored outputs."""
    rows: list[list] = []
    depth: dict[str, list[float]] = {}
    blocks = len(params.blocks)
    for method, splits in EVALUATED.items():
        for split in splits:
            stored, label = votes(params, method, split)
            exits = replay(stored, thresholds(params.inference.theta_conf, len(stored)), classes)
            _write_exits(EXITS_FILE[method].format(split), exits, label, stored, params)
            rows += [[method, split, *row] for row in sweep(stored, label, classes, params.inference.sweep, blocks)]
            if split == "test":
                depth[method] = accuracy_by_depth(stored, label, classes, thresholds(params.inference.theta_conf, len(stored)))
    write_csv(RUNS / "sweep.csv", ("method", "split", "theta_conf", "accuracy", *(f"share_{key}" for key in params.blocks)), rows)
    depth["end_to_end"] = []
    for key in params.blocks:
        outputs = load_outputs(end_to_end_folder(key), "test")
        depth["end_to_end"].append(float((outputs["logits"].argmax(1) == outputs["label"]).mean()))
    depth["bloctrain"] += [None] * (blocks - len(depth["bloctrain"]))  # type: ignore[list-item]
    columns = ("bloctrain", "bloctrain_base", "end_to_end")
    table = [[i + 1, key, *(depth[name][i] for name in columns)] for i, key in enumerate(params.blocks)]
    write_csv(RUNS / "accuracy_by_depth.csv", ("depth", "block", *columns), table)


def run_step(params: Params) -> None:
    """Run the networks on test images: write agreement.json, synaptic_operations.npz and latency.json."""
    check_digests(params.deepest)
    context = Context.open(params)
    classes = len(context.class_names)
    feed = CachedFeed(block_folder("b0") / "features", "test")
    stages = {method: load_stages(context, method) for method in METHODS}
    network = load_end_to_end(context, params.deepest)
    chunk, device, dtype = params.compute.micro_batch, context.fabric.device, context.dtype
    every = np.arange(len(feed.files[0]))

    def runner(method: str) -> ConditionalRunner:
        theta_conf = thresholds(params.inference.theta_conf, len(stages[method]))
        return ConditionalRunner(stages[method], theta_conf, classes, chunk, dtype, device)

    agreement = {}
    for method in METHODS:
        ran = runner(method)
        exits = ran.run(feed, every)
        stored = replay(votes(params, method, "test")[0], ran.theta_conf, classes)
        agreement[method] = {
            "images": len(every), "same_exit": int((exits.exit_block == stored.exit_block).sum()),
            "same_prediction": int((exits.prediction == stored.prediction).sum()),
        }  # fmt: skip
        if len(set(agreement[method].values())) > 1:
            print(f"runs/agreement.json: {method} run conditionally and its replay differ: {agreement[method]}", flush=True)
    write_json(RUNS / "agreement.json", agreement)

    sample = sample_rows(len(every), params.inference.sample_images)
    operations = {method: np.zeros((len(sample), len(params.blocks))) for method in METHODS}
    whole = np.zeros(len(sample))
    for start in range(0, len(sample), chunk):
        part = sample[start : start + chunk]
        spikes = feed.to_device(feed.read(part, FIXED), device, dtype)
        with context.fabric.autocast():
            whole[start : start + chunk] = synaptic_operations(network, spikes)[0].numpy()
            for method in METHODS:
                passing = spikes
                for index, stage in enumerate(stages[method]):
                    counted, passing = synaptic_operations(stage.block, passing)
                    operations[method][start : start + chunk, index] = counted.numpy()
    write_arrays(RUNS / "synaptic_operations.npz", operations | {"end_to_end": whole, "index": sample})

    def end_to_end() -> None:
        for start in range(0, len(sample), chunk):
            part = sample[start : start + chunk]
            run_chunk(network, feed.to_device(feed.read(part, FIXED), device, dtype), chunk)

    contenders: dict[str, Callable[[], object]] = {"bloctrain": lambda: runner("bloctrain").run(feed, sample),
                  "bloctrain_base": lambda: runner("bloctrain_base").run(feed, sample), "end_to_end": end_to_end}  # fmt: skip
    seconds = measure_alternating(contenders, params.inference.latency_repeats)
    write_json(RUNS / "latency.json", {
        "images": len(sample), "batch_size": chunk, "repeats": params.inference.latency_repeats, "seconds": seconds,
        "speedup": speedups(seconds, "end_to_end"),
    })  # fmt: skip


def sample_rows(count: int, most: int) -> np.ndarray:
    """Up to `most` of `count` rows, evenly over all of them: a folder's images are sorted by class."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def infer_step(params: Params) -> None:
    """All of inference."""
    replay_step(params, len(read_json("data/prepared/manifest.json")["class_names"]))
    run_step(params)


def _write_exits(name: str, exits: Exits, label: np.ndarray, stored: list[BlockVote], params: Params) -> None:
    def per_block(values: list[float | None]) -> np.ndarray:
        padded = values + [None] * (len(params.blocks) - len(values))
        return np.array([np.nan if value is None else value for value in padded], dtype=np.float32)

    write_arrays(RUNS / name, {
        "exit_block": exits.exit_block, "prediction": exits.prediction, "label": label, "index": np.arange(len(label)),
        "theta_conf": per_block(list(thresholds(params.inference.theta_conf, len(stored)))),
        "theta_high": per_block([vote.theta_high for vote in stored]),
        "theta_low": per_block([vote.theta_low for vote in stored]),
    })  # fmt: skip
