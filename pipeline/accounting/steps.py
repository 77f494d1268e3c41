"""The accounting stage: tables of training memory, training time and inference cost under runs/."""

from pathlib import Path
from typing import Any as Params

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.accounting.inference_cost import Cost, end_to_end_cost, exit_costs, mean_cost
from pipeline.accounting.training_memory import MEGABYTE_BITS, megabytes, saved_bytes
from pipeline.base.files import atomic_folder, damaged, missing, read_arrays, read_json, write_csv
from pipeline.config import load_params
from pipeline.layout import RUNS, block_folder
from pipeline.network import BlockPlan, build_block, plan_blocks
from pipeline.network.params import chain_to
from pipeline.neuron.precision import spike_dtype

PAPER_SCALE = Path("experiments/cifar10-resnet9.yaml")
PAPER_CLASSES = (10, 10, 3)
"""Classes of each block of the paper's ResNet-9: block 3 trains on the hard ones after block 1 (section 5.2)."""
METHODS = ("bloctrain", "bloctrain_base", "end_to_end")


class Ledger:
    """What the counting needs to know of a run: plans, classes of each block, which blocks were built."""

    def __init__(self, params: Params):
        manifest = read_json("data/prepared/manifest.json")
        self.params = params
        self.channels: int = manifest["image_shape"][0]
        self.all_classes = len(manifest["class_names"])
        self.plans = plan_blocks(params, self.channels)
        blocks = params.blocks
        self.built = [key for key, block in blocks.items() if read_json(block_folder(block.prev) / "joint_targets.json")["build"]]
        self.classes = {key: len(read_json(block_folder(blocks[key].prev2) / "groups.json")["hard"]) for key in self.built}

    def chain(self, key: str) -> list[BlockPlan]:
        return [self.plans[k] for k in chain_to(self.params.blocks, key)]

    def exit_costs(self, method: str) -> list[Cost]:
        keys = self.built if method == "bloctrain" else list(self.params.blocks)
        classes = [self.classes[key] if method == "bloctrain" else self.all_classes for key in keys]
        hcds = [method == "bloctrain" and key != "b1" for key in keys]
        return exit_costs([self.plans[key] for key in keys], classes, hcds, self.params.encoding.time_steps)

    def end_to_end(self) -> Cost:
        return end_to_end_cost(list(self.plans.values()), self.all_classes, self.params.encoding.time_steps)


def account_step(params: Params) -> None:
    """Write runs/accounting/ and runs/training_time.csv."""
    ledger = Ledger(params)
    with atomic_folder(RUNS / "accounting") as folder:
        _training_memory(ledger, folder / "training_memory.csv")
        _paper_training_memory(folder / "paper_training_memory.csv")
        _inference(ledger, folder / "inference.csv")
        _tradeoff(ledger, folder / "tradeoff.csv")
    path = block_folder(params.deepest) / "timings.json"
    times = read_json(path)
    try:
        rows = [
            [method, depth, key, t["images"], t["epochs"], t["seconds"], t["median_seconds_per_epoch"]]
            for method in METHODS
            for depth, (key, t) in enumerate(((key, times[key][method]) for key in params.blocks), start=1)
        ]
    except (KeyError, TypeError) as error:
        raise damaged(path, f"no entry {error}") from error
    columns = ("method", "depth", "block", "images", "epochs", "seconds", "median_seconds_per_epoch")
    write_csv(RUNS / "training_time.csv", columns, rows)


def _training_memory(ledger: Ledger, path) -> None:
    params = ledger.params
    batch, time_steps = params.training.batch_size, params.encoding.time_steps
    counted: list[tuple[str, int, str, float, float, float, float]] = []
    for depth, key in enumerate(params.blocks, start=1):
        chain = ledger.chain(key)
        cases = [("end_to_end", chain_to(params.blocks, key), chain, ledger.all_classes, False)]
        if key in ledger.built:
            cases.insert(0, ("bloctrain", [key], chain[-1:], ledger.classes[key], key != "b1"))
        for method, keys, trained, classes, hcd in cases:
            weights, state = megabytes(chain, trained, classes, hcd, batch, time_steps)
            block = build_block(params, keys, ledger.channels, classes, hcd and params.hcd.joint, "memory")
            counted.append((method, depth, key, weights, state, weights + state, _saved_mb(params, block, trained[0])))
    whole = next(row[5] for row in counted if row[0] == "end_to_end" and row[1] == len(params.blocks))
    same = {row[1]: row[5] for row in counted if row[0] == "end_to_end"}
    rows = [
        [*row[:6], whole / row[5], same[row[1]] / row[5], row[6]] for row in sorted(counted, key=lambda row: (row[0], row[1]))
    ]
    columns = (
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


def _paper_training_memory(path: Path) -> None:
    """Total MB of training each block of the paper's own ResNet-9 on CIFAR-10, then of the whole network: counted, not run."""
    params = load_params(PAPER_SCALE)
    plans = list(plan_blocks(params, channels=3).values())
    batch, steps = params.training.batch_size, params.encoding.time_steps
    chains = [plans[: depth + 1] for depth in range(len(plans))]
    blocks = [
        sum(megabytes(chain, chain[-1:], classes, depth > 0, batch, steps))
        for depth, (chain, classes) in enumerate(zip(chains, PAPER_CLASSES, strict=True))
    ]
    whole = sum(megabytes(plans, plans, PAPER_CLASSES[0], False, batch, steps))
    rows = [["bloctrain", key, mb, whole / mb] for key, mb in zip(params.blocks, blocks, strict=True)]
    write_csv(path, ("method", "block", "total_mb", "reduction"), [*rows, ["end_to_end", params.deepest, whole, 1.0]])


def _saved_mb(params: Params, block, plan: BlockPlan) -> float:
    """Megabytes that autograd saves for one mini-batch, from one micro-batch of random spikes."""
    micro = min(params.compute.micro_batch, params.training.batch_size)
    dtype = spike_dtype(params.compute)
    shape = (params.encoding.time_steps, micro, *plan.inputs[1:], plan.inputs[0])
    spikes = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.1).to(dtype).permute(0, 1, 4, 2, 3)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = block(spikes)
        return output.logits.sum() + (0 if output.hcd_logit is None else output.hcd_logit.sum())

    saved = saved_bytes(block, forward)
    return saved * params.training.batch_size / micro / 1e6


def _inference(ledger: Ledger, path) -> None:
    whole = ledger.end_to_end()
    operations = _operations()
    depth = _table(RUNS / "accuracy_by_depth.csv")
    if list(depth["block"]) != list(ledger.params.blocks):
        raise damaged(RUNS / "accuracy_by_depth.csv", "rows are missing")
    rows = []
    for method, name in (("bloctrain", "exits_test.npz"), ("bloctrain_base", "exits_base_test.npz")):
        exits = read_arrays(RUNS / name)
        costs = ledger.exit_costs(method)
        shares = np.bincount(exits["exit_block"] - 1, minlength=len(costs)) / len(exits["exit_block"])
        mean = mean_cost(costs, shares.tolist())
        accuracy = float((exits["prediction"] == exits["label"]).mean())
        rows.append([method, accuracy, mean.macs, whole.macs / mean.macs, mean.memory_bits / MEGABYTE_BITS,
                     mean.memory_bits / whole.memory_bits, operations[method]])  # fmt: skip
    rows.append(["end_to_end", float(depth["end_to_end"].iloc[-1]), whole.macs, 1.0, whole.memory_bits / MEGABYTE_BITS, 1.0,
                 operations["end_to_end"]])  # fmt: skip
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


def _operations() -> dict[str, float]:
    """Mean synaptic operations per image of the sample: of the blocks that each image visits."""
    counted = read_arrays(RUNS / "synaptic_operations.npz")
    means = {"end_to_end": float(counted["end_to_end"].mean())}
    for method, name in (("bloctrain", "exits_test.npz"), ("bloctrain_base", "exits_base_test.npz")):
        exit_block = read_arrays(RUNS / name)["exit_block"][counted["index"]]
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


def _tradeoff(ledger: Ledger, path) -> None:
    table = _table(RUNS / "sweep.csv")
    per_split = table.groupby(["method", "split"]).size()
    if table.isna().any(axis=None) or len(per_split) != 3 or per_split.nunique() != 1:
        raise damaged(RUNS / "sweep.csv", "rows or cells are missing")
    whole = ledger.end_to_end()
    shares = [f"share_{key}" for key in ledger.params.blocks]
    rows = []
    for row in table.to_dict("records"):
        mean = mean_cost(ledger.exit_costs(str(row["method"])), [row[name] for name in shares])
        rows.append([*row.values(), whole.macs / mean.macs, mean.memory_bits / whole.memory_bits])
    write_csv(path, (*table.columns, "compute_efficiency", "memory_overhead"), rows)
