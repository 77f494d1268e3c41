"""The trained networks of one run, as inference sees them: blocks that images leave at."""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.inference.stored import built_keys
from pipeline.network.block import Block
from pipeline.network.params import chain_to
from pipeline.partition.exit_rule import BlockVote
from pipeline.partition.groups import load_groups
from pipeline.partition.votes import vote_without_images
from pipeline.training.assignment import has_detector, load_assignment
from pipeline.training.context import Context
from pipeline.training.stored import WEIGHTS
from pipeline.training.weights import load_into, load_weights


@dataclass(frozen=True)
class ExitBlock:
    """One block at inference: the network, and its vote without images (classes, HCD thresholds, easy and hard)."""

    block: Block
    vote: BlockVote


def load_exit_blocks(context: Context, method: str) -> list[ExitBlock]:
    """Every block of a method's network, on the device; the end-to-end network of full depth is one."""
    folders, blocks = context.folders, context.params.blocks
    every = np.arange(context.manifest.classes)
    if method == "end_to_end":
        return [ExitBlock(load_end_to_end(context, list(blocks)[-1]), BlockVote(_nothing(every), every))]
    if method == "bloctrain_base":
        return [_base_block(context, key, every) for key in blocks]
    return [_bloctrain_block(context, key) for key in built_keys(folders, blocks)]


def load_end_to_end(context: Context, key: str) -> Block:
    """The network trained end to end up to block `key`, on the device."""
    return _load(context, chain_to(context.params.blocks, key), context.manifest.classes, False, key, "end_to_end")


def _bloctrain_block(context: Context, key: str) -> ExitBlock:
    folders, prev = context.folders, context.params.blocks[key].prev
    classes = np.array(load_assignment(folders.block(prev)).classes, dtype=np.int64)
    joint = has_detector(key) and context.params.hcd.joint
    block = _load(context, [key], len(classes), joint, key, "bloctrain")
    if has_detector(key) and not joint:
        weight = load_weights(folders.block(key) / "hcd.safetensors")["weight"]
        block.hcd = torch.nn.Parameter(weight.to(context.compute.device), requires_grad=False)
    return ExitBlock(block, vote_without_images(folders, key, prev, classes))


def _base_block(context: Context, key: str, classes: np.ndarray) -> ExitBlock:
    block = _load(context, [key], len(classes), False, key, "bloctrain_base")
    earlier = load_groups(context.folders.block(context.params.blocks[key].prev)).earlier_logits
    return ExitBlock(block, BlockVote(_nothing(classes), classes, earlier=earlier))


def _load(context: Context, keys: list[str], classes: int, hcd: bool, key: str, method: str) -> Block:
    block = context.build(keys, classes, hcd, "load")
    load_into(block, context.folders.block(key, method) / WEIGHTS)
    return context.compute.place(block.requires_grad_(False).eval())


def _nothing(classes: np.ndarray) -> np.ndarray:
    """The logits of no image."""
    return np.zeros((0, len(classes)), np.float32)
