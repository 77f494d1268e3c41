"""What every training stage starts from: parameters, images' shape and classes, the feeds of a block."""

from dataclasses import dataclass
from typing import Any as Params

import numpy as np
import torch
from lightning_fabric import Fabric

from pipeline.base.files import read_json
from pipeline.data import Prepared
from pipeline.encoding import FIXED, Encoder
from pipeline.layout import block_folder
from pipeline.network import Block, build_trunk
from pipeline.network.engine import Engine, choose_engine
from pipeline.network.params import chain_to
from pipeline.neuron.precision import spike_dtype
from pipeline.training.device import make_fabric, to_device
from pipeline.training.feed import CachedFeed, EncodedFeed, Feed, PrefixFeed
from pipeline.training.forward import Outputs, forward_chunks
from pipeline.training.weights import load_into


@dataclass(frozen=True)
class Context:
    """The parameters with a launched Fabric, the engine it takes, the encoder and the prepared manifest."""

    params: Params
    fabric: Fabric
    engine: Engine
    encoder: Encoder
    channels: int
    class_names: list[str]

    @classmethod
    def open(cls, params: Params, devices: int = 1) -> "Context":
        """Read the manifest and the encoder, and launch `devices` processes."""
        manifest = read_json("data/prepared/manifest.json")
        fabric = make_fabric(params.compute, devices)
        engine = choose_engine(params.compute.kernel, fabric.device.type, params.compute.precision)
        if fabric.is_global_zero:
            print(engine.line, flush=True)
        encoder = Encoder.load(block_folder("b0") / "encoder.json")
        return cls(params, fabric, engine, encoder, manifest["image_shape"][0], manifest["class_names"])

    @property
    def cached(self) -> int:
        """How many noise realisations are kept and used in turns; 0 where every epoch draws fresh noise."""
        features = self.params.features
        return features.realisations if features.mode == "cached" else 0

    @property
    def dtype(self) -> torch.dtype:
        return spike_dtype(self.params.compute)

    def encoded_feed(self, prepared: Prepared, split: str) -> EncodedFeed:
        return EncodedFeed(prepared, self.encoder, split, self.cached, self.params.training.augmentation)

    def training_feed(self, key: str, prepared: Prepared, split: str, variant: str = "") -> Feed:
        """Input spikes of block `key` for training on `split`: cached features of the block before it, or images encoded
        anew and, behind the first block, sent through the frozen blocks.

        `variant` is the sub-folder of the blocks' folders to look in: base, or none.
        """
        prev = self.params.blocks[key].prev
        features = block_folder(prev) / variant / "features"
        if self.cached and (prev != "b0" or not variant):
            return CachedFeed(features, split, self.cached)
        encoded = self.encoded_feed(prepared, split)
        if prev == "b0":
            return encoded
        prefix = build_trunk(self.params, chain_to(self.params.blocks, prev), self.channels)
        load_into(prefix, features / "prefix.safetensors")
        return PrefixFeed(encoded, to_device(self.fabric, prefix.requires_grad_(False)))

    def forward(self, block: Block, feed: Feed, rows: np.ndarray, realisation: int, label: str = "") -> Outputs:
        """`forward_chunks` with this context's device, precision and chunk size."""
        return forward_chunks(
            block, feed, rows, realisation, self.params.compute.micro_batch, self.fabric.device, self.dtype, label
        )

    def accuracy(self, block: Block, feed: Feed, rows: np.ndarray, column: np.ndarray) -> float:
        """Share of the sorted `rows` whose largest logit is their target column."""
        right = 0
        for part, output in self.forward(block, feed, rows, FIXED):
            right += int((output.logits.argmax(1).cpu().numpy() == column[np.searchsorted(rows, part)]).sum())
        return right / max(len(rows), 1)


def load_groups(key: str) -> tuple[list[int], list[int]]:
    """(easy, hard) classes after block `key`."""
    groups = read_json(block_folder(key) / "groups.json")
    return groups["easy"], groups["hard"]


def joint_targets(key: str) -> dict:
    """What block `key` tells the next: whether to `build` it, and the hard classes where its HCD is trained jointly."""
    return read_json(block_folder(key) / "joint_targets.json")
