"""The trained networks of one run, as inference sees them."""

from dataclasses import dataclass
from typing import Any as Params

import numpy as np
import torch

from pipeline.base.files import damaged, file_digest, read_json
from pipeline.layout import RUNS, base_folder, block_folder, end_to_end_folder
from pipeline.network import Block, build_block
from pipeline.network.params import chain_to
from pipeline.partition.exit_rule import BlockVote
from pipeline.partition.votes import load_outputs, load_vote
from pipeline.training.context import Context
from pipeline.training.device import to_device
from pipeline.training.weights import load_into, load_weights

METHODS = ("bloctrain", "bloctrain_base")


@dataclass(frozen=True)
class Stage:
    """One block at inference: the network, and its vote without images (classes, HCD thresholds, easy and hard)."""

    block: Block
    vote: BlockVote


def built_keys(params: Params) -> list[str]:
    """The blocks that were built, from the first on."""
    return [key for key, block in params.blocks.items() if read_json(block_folder(block.prev) / "joint_targets.json")["build"]]


def votes(params: Params, method: str, split: str) -> tuple[list[BlockVote], np.ndarray]:
    """Stored outputs of every built block (every block, for BlocTrain-base) on a split, and the labels."""
    if method == "bloctrain":
        loaded = [load_vote(key, params.blocks[key].prev, split) for key in built_keys(params)]
        return [vote for vote, _ in loaded], loaded[0][1]
    outputs = [load_outputs(base_folder(key), split) for key in params.blocks]
    return [BlockVote(o["logits"], o["classes"]) for o in outputs], outputs[0]["label"]


def load_stages(context: Context, method: str) -> list[Stage]:
    """The networks behind `votes`, on the device."""
    params = context.params
    stages = []
    keys = built_keys(params) if method == "bloctrain" else list(params.blocks)
    for key, vote in zip(keys, votes(params, method, "test")[0], strict=True):
        joint = method == "bloctrain" and key != "b1" and params.hcd.joint
        block = build_block(params, [key], context.channels, len(vote.classes), joint, "load")
        load_into(block, (block_folder(key) if method == "bloctrain" else base_folder(key)) / "block.safetensors")
        if method == "bloctrain" and key != "b1" and not joint:
            block.hcd = torch.nn.Parameter(load_weights(block_folder(key) / "hcd.safetensors")["weight"])
        stages.append(Stage(to_device(context.fabric, block.requires_grad_(False)), vote))
    return stages


def load_end_to_end(context: Context, key: str) -> Block:
    """The network trained end to end up to block `key`, on the device."""
    params = context.params
    block = build_block(params, chain_to(params.blocks, key), context.channels, len(context.class_names), False, "load")
    load_into(block, end_to_end_folder(key) / "block.safetensors")
    return to_device(context.fabric, block.requires_grad_(False))


def check_digests(deepest: str) -> None:
    """Compare every result file with the digest that `collect` wrote down.

    Raises:
        UserError: a file is missing or is not the one that was collected.
    """
    for name, digest in read_json(block_folder(deepest) / "manifest.json").items():
        if file_digest(RUNS / name) != digest:
            raise damaged(RUNS / name, "its content is not what the pipeline recorded")
