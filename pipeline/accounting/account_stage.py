"""The accounting stage: tables of training memory, training time and inference cost under runs/."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.accounting.inference_cost import mean_cost
from pipeline.accounting.measured import saved_bytes
from pipeline.accounting.network_cost import NetworkCost
from pipeline.accounting.papers_networks import papers_networks
from pipeline.accounting.params import AccountingParams
from pipeline.accounting.training_memory import MEGABYTE_BITS, megabytes
from pipeline.base.files import atomic_folder, damaged, missing, read_arrays, write_csv
from pipeline.base.folders import BLOCK_WISE, METHODS, Folders
from pipeline.data.prepared import load_manifest
from pipeline.encoding.params import EncodingParams
from pipeline.engine.choose import on_cpu
from pipeline.inference.collected import load_timings
from pipeline.inference.exits_file import exits_path, load_exits
from pipeline.network.block import Block
from pipeline.network.build import build_block
from pipeline.network.params import chain_to
from pipeline.network.plan import BlockPlan
from pipeline.training.assignment import has_detector
from pipeline.training.params import TrainingSections


class AccountingSections(TrainingSections, Protocol):
    """The sections that accounting reads."""

    encoding: EncodingParams
    accounting: AccountingParams
    deepest: str


def account_stage(folders: Folders, params: AccountingSections) -> None:
    """Write runs/accounting/ and runs/training_time.csv."""
    manifest = load_manifest(folders.prepared)
    # Integer neurons run as so many binary steps.
    cost = NetworkCost.of_run(folders, params, params.encoding.time_steps * params.neuron.levels, manifest)
    with atomic_folder(folders.runs / "accounting") as folder:
        _training_memory(cost, params, folder / "training_memory.csv")
        papers_networks(folders.root, params.accounting.memory_images, folder)
        _inference(folders, cost, folder / "inference.csv")
        _tradeoff(folders, params, cost, folder / "tradeoff.csv")
    _training_time(folders, params)


def _training_time(folders: Folders, params: AccountingSections) -> None:
    times = load_timings(folders, params.deepest)
    columns = ("images", "epochs", "seconds", "median_seconds_per_epoch", "forward_seconds")
    try:
        rows = [
            [method, depth, key, *(times[key][method][name] for name in columns)]
            for method in METHODS
            for depth, key in enumerate(params.blocks, start=1)
        ]
    except (KeyError, TypeError) as error:
        raise damaged(folders.block(params.deepest) / "timings.json", f"no entry {error}") from error
    write_csv(folders.runs / "training_time.csv", ("method", "depth", "block", *columns), rows)


def _training_memory(cost: NetworkCost, params: AccountingSections, path: Path) -> None:
    """For a mini-batch, and for `memory_images`; what autograd saves is measured once and grows with the images."""
    batch = params.training.batch_size
    counted: list[tuple[int, str, int, str, float, float, float, float]] = []
    for depth, key in enumerate(params.blocks, start=1):
        chain = cost.chain(key)
        cases = [("end_to_end", chain_to(params.blocks, key), chain, cost.all_classes, False)]
        if key in cost.built:
            cases.insert(0, ("bloctrain", [key], chain[-1:], cost.classes[key], has_detector(key)))
        for method, keys, trained, classes, hcd in cases:
            block = build_block(
                params, keys, cost.image, classes, hcd and params.hcd.joint, "memory",
                on_cpu(params.compute.kernel, params.compute.precision, params.neuron.levels),
            )  # fmt: skip
            steps = params.encoding.time_steps
            saved = _saved_mb(params, block, cost.plans, steps)
            for images in {batch: None, params.accounting.memory_images: None}:
                weights, state = megabytes(chain, trained, classes, hcd, images, steps)
                counted.append((images, method, depth, key, weights, state, weights + state, saved * images / batch))
    same = {(row[0], row[2]): row[6] for row in counted if row[1] == "end_to_end"}
    rows = [
        [*row[:7], same[row[0], len(params.blocks)] / row[6], same[row[0], row[2]] / row[6], row[7]]
        for row in sorted(counted, key=lambda row: (row[0] != batch, row[1], row[2]))
    ]
    columns = (
        "images",
        "method",
        "depth",
        "block",
        "weights_mb",
        "state_mb",
        "total_mb",
        "reduction",
        "reduction_same_depth",
        "saved_mb_measured",
    )
    write_csv(path, columns, rows)


def _saved_mb(params: AccountingSections, block: Block, plans: dict[str, BlockPlan], time_steps: int) -> float:
    """Megabytes that autograd saves for one mini-batch on the CPU, from one micro-batch of random spikes."""
    micro = min(params.compute.micro_batch, params.training.batch_size)
    dtype = on_cpu(params.compute.kernel, params.compute.precision, params.neuron.levels).dtype
    generator = torch.Generator().manual_seed(0)
    bundle = {}
    for source in block.trunk.sources:
        channels, height, width = plans[source].outputs if source in plans else next(iter(plans.values())).inputs
        drawn = torch.rand((time_steps, micro, height, width, channels), generator=generator) < 0.1
        bundle[source] = drawn.to(dtype).permute(0, 1, 4, 2, 3)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = block(bundle)
        return output.logits.sum() + (0 if output.hcd_logit is None else output.hcd_logit.sum())

    return saved_bytes(block, forward) * params.training.batch_size / micro / 1e6


def _inference(folders: Folders, cost: NetworkCost, path: Path) -> None:
    whole = cost.end_to_end()
    operations = _operations(folders)
    depth = _table(folders.runs / "accuracy_by_depth.csv")
    if list(depth["block"]) != list(cost.plans):
        raise damaged(folders.runs / "accuracy_by_depth.csv", "rows are missing")
    rows = []
    for method in (method for method in BLOCK_WISE if method in operations):
        exits = load_exits(exits_path(folders, method, "test"))
        costs = cost.exit_costs(method)
        shares = np.bincount(exits["exit_block"] - 1, minlength=len(costs)) / len(exits["exit_block"])
        mean = mean_cost(costs, shares.tolist())
        accuracy = float((exits["prediction"] == exits["label"]).mean())
        rows.append([method, accuracy, mean.macs, whole.macs / mean.macs, mean.memory_bits / MEGABYTE_BITS,
                     mean.memory_bits / whole.memory_bits, operations[method]])  # fmt: skip
    reached = depth["end_to_end"].iloc[-1]
    rows.append(["end_to_end", None if pd.isna(reached) else float(reached), whole.macs, 1.0, whole.memory_bits / MEGABYTE_BITS,
                 1.0, operations.get("end_to_end")])  # fmt: skip
    columns = (
        "method",
        "accuracy",
        "macs_per_image",
        "compute_efficiency",
        "memory_mb",
        "memory_overhead",
        "synaptic_operations",
    )
    write_csv(path, columns, rows)


def _operations(folders: Folders) -> dict[str, float]:
    """Mean synaptic operations per image of the sample: of the blocks that each image visits."""
    counted = read_arrays(folders.runs / "synaptic_operations.npz")
    means = {"end_to_end": float(counted["end_to_end"].mean())} if "end_to_end" in counted else {}
    for method in (method for method in BLOCK_WISE if method in counted):
        exit_block = load_exits(exits_path(folders, method, "test"))["exit_block"][counted["index"]]
        visited = np.arange(counted[method].shape[1]) < exit_block[:, None]
        means[method] = float((counted[method] * visited).sum(1).mean())
    return means


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except (OSError, ValueError) as error:  # of which pandas' own errors are
        raise damaged(path, error) from error


def _tradeoff(folders: Folders, params: AccountingSections, cost: NetworkCost, path: Path) -> None:
    table = _table(folders.runs / "sweep.csv")
    per_split = table.groupby(["method", "split"]).size()
    expected = 2 + ("bloctrain_base" in params.baselines.trained)  # BlocTrain on both splits, BlocTrain-base on test images
    if table.isna().any(axis=None) or len(per_split) != expected or per_split.nunique() != 1:
        raise damaged(folders.runs / "sweep.csv", "rows or cells are missing")
    whole = cost.end_to_end()
    shares = [f"share_{key}" for key in cost.plans]
    rows = []
    for row in table.to_dict("records"):
        mean = mean_cost(cost.exit_costs(str(row["method"])), [row[name] for name in shares])
        rows.append([*row.values(), whole.macs / mean.macs, mean.memory_bits / whole.memory_bits])
    columns = [*table.columns, "compute_efficiency", "memory_overhead"]
    write_csv(path, columns, rows)
    drawn, of_test = ("theta_conf", "accuracy", "compute_efficiency"), [row for row in rows if row[:2] == ["bloctrain", "test"]]
    write_csv(path.with_name("bloctrain_test.csv"), drawn, [[row[columns.index(name)] for name in drawn] for row in of_test])
