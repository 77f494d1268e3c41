"""The inference stage: exits, sweep and depths by replay; agreement, operations and latency by running."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from pipeline.base.files import write_arrays, write_csv, write_json
from pipeline.base.folders import BLOCK_WISE, METHODS, Folders
from pipeline.data.prepared import load_manifest, load_prepared
from pipeline.encoding.poisson import FIXED
from pipeline.inference.collected import check_digests
from pipeline.inference.exits_file import exits_path, save_exits
from pipeline.inference.latency import measure_alternating, speedups
from pipeline.inference.networks import load_end_to_end, load_exit_blocks
from pipeline.inference.params import InferenceParams, thresholds
from pipeline.inference.runner import ConditionalRunner
from pipeline.inference.stored import stored_votes
from pipeline.inference.sweep import accuracy_by_depth, falls_with_depth, sweep
from pipeline.inference.synaptic import synaptic_operations
from pipeline.network.block import Block
from pipeline.network.walk import Bundle
from pipeline.partition.exit_rule import Exits, replay
from pipeline.training.context import Context
from pipeline.training.feed import Feed
from pipeline.training.forward import run_chunk
from pipeline.training.params import TrainingSections
from pipeline.training.stored import load_outputs

EVALUATED = {"bloctrain": ("validation", "test"), "bloctrain_base": ("test",)}


class InferenceSections(TrainingSections, Protocol):
    """The sections that inference reads."""

    inference: InferenceParams
    deepest: str


def infer_stage(folders: Folders, params: InferenceSections) -> None:
    """All of inference. Results are checked first, so that nothing is written of ones that are not the pipeline's."""
    check_digests(folders, params.deepest)
    replay_outputs(folders, params, load_manifest(folders.prepared).classes)
    run_networks(folders, params)


def replay_outputs(folders: Folders, params: InferenceSections, classes: int) -> None:
    """Write exits_*.npz, sweep.csv and accuracy_by_depth.csv from stored outputs."""
    rows: list[list] = []
    depth: dict[str, list[float | None]] = {}
    keys, theta_conf = list(params.blocks), params.inference.theta_conf
    trained = ("bloctrain", *params.baselines.trained)
    if "bloctrain_base" not in trained:
        nobody = Exits(*[np.zeros(0, np.int64)] * 2, *[np.zeros(0, np.float32)] * 2)
        save_exits(exits_path(folders, "bloctrain_base", "test"), nobody, nobody.prediction, [], [], len(keys))
    for method, splits in ((name, splits) for name, splits in EVALUATED.items() if name in trained):
        for split in splits:
            votes, label = stored_votes(folders, params, method, split)
            chosen = thresholds(theta_conf, len(votes))
            exits = replay(votes, chosen, classes)
            save_exits(exits_path(folders, method, split), exits, label, votes, chosen, len(keys))
            rows += [[method, split, *row] for row in sweep(votes, label, classes, params.inference.sweep, len(keys))]
            by_depth = accuracy_by_depth(votes, label, classes, chosen)
            if split == "test":
                depth[method] = list(by_depth)
            elif told := falls_with_depth(by_depth, keys):
                print(f"warning: validation accuracy {told}", flush=True)
    columns = ("method", "split", "theta_conf", "accuracy", *(f"share_{key}" for key in keys))
    write_csv(folders.runs / "sweep.csv", columns, rows)
    for key in keys if "end_to_end" in trained else []:
        outputs = load_outputs(folders.block(key, "end_to_end"), "test")
        right = float((outputs.logits.argmax(1) == outputs.label).mean()) if len(outputs.label) else None
        depth.setdefault("end_to_end", []).append(right)
    filled = {name: [*depth.get(name, []), *[None] * len(keys)] for name in METHODS}  # none for what was not built or trained
    table = [[i + 1, key, *(filled[name][i] for name in METHODS)] for i, key in enumerate(keys)]
    write_csv(folders.runs / "accuracy_by_depth.csv", ("depth", "block", *METHODS), table)


def run_networks(folders: Folders, params: InferenceSections) -> None:
    """Run the networks on test images: write agreement.json, synaptic_operations.npz and latency.json."""
    context = Context.open(folders, params)
    compute, classes = context.compute, context.manifest.classes
    feed = context.evaluation_feed(next(iter(params.blocks)), "test")
    trained = ("bloctrain", *params.baselines.trained)
    blocks = {method: load_exit_blocks(context, method) for method in BLOCK_WISE if method in trained}
    network = load_end_to_end(context, params.deepest) if "end_to_end" in trained else None
    every = np.arange(len(load_prepared(folders.prepared, "test").label))

    def runner(method: str) -> ConditionalRunner:
        return ConditionalRunner(blocks[method], thresholds(params.inference.theta_conf, len(blocks[method])), classes, compute)

    agreement = {}
    for method in blocks:
        exits = runner(method).run(feed, every)
        votes = stored_votes(folders, params, method, "test")[0]
        stored = replay(votes, thresholds(params.inference.theta_conf, len(votes)), classes)
        agreement[method] = {
            "images": len(every), "same_exit": int((exits.exit_block == stored.exit_block).sum()),
            "same_prediction": int((exits.prediction == stored.prediction).sum()),
        }  # fmt: skip
        if len(set(agreement[method].values())) > 1:
            print(f"runs/agreement.json: {method} run conditionally and its replay differ: {agreement[method]}", flush=True)
    write_json(folders.runs / "agreement.json", agreement)

    sample = sample_rows(len(every), params.inference.sample_images)
    chunks = [sample[start : start + compute.micro_batch] for start in range(0, len(sample), compute.micro_batch)]
    operations = {method: np.zeros((len(sample), len(params.blocks))) for method in blocks}
    whole = []
    for number, part in enumerate(chunks):
        places = slice(number * compute.micro_batch, number * compute.micro_batch + len(part))
        with compute.autocast():
            bundle = _spikes(context, feed, part)
            if network is not None:
                whole.append(synaptic_operations(network, bundle)[0].numpy())
            for method in blocks:
                passing = bundle
                for index, here in enumerate(blocks[method]):
                    counted, passing = synaptic_operations(here.block, passing)
                    operations[method][places, index] = counted.numpy()
    arrays = operations | ({"end_to_end": np.concatenate(whole)} if whole else {}) | {"index": sample}
    write_arrays(folders.runs / "synaptic_operations.npz", arrays)

    def at_once(whole: Block) -> None:
        for part in chunks:
            run_chunk(compute, whole, _spikes(context, feed, part), len(part)).logits.cpu()

    contenders: dict[str, Callable[[], object]] = {
        method: partial(lambda method: runner(method).run(feed, sample), method) for method in blocks
    }
    if network is not None:
        contenders["end_to_end"] = partial(at_once, network)
    seconds = measure_alternating(contenders, params.inference.latency_repeats)
    write_json(folders.runs / "latency.json", {
        "images": len(sample), "batch_size": compute.micro_batch, "repeats": params.inference.latency_repeats,
        "seconds": seconds, "speedup": speedups(seconds, "end_to_end"),
    })  # fmt: skip


def sample_rows(count: int, most: int) -> np.ndarray:
    """Up to `most` of `count` rows, evenly over all of them: a folder's images are sorted by class."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def _spikes(context: Context, feed: Feed, rows: np.ndarray) -> Bundle:
    return feed.to_device(feed.read(rows, FIXED), context.compute.device, context.compute.dtype)
