"""What every training and forward stage starts from: folders, parameters, device and engine, encoder, plans, feeds."""

from dataclasses import dataclass

import numpy as np

from pipeline.base.folders import ENCODER, Folders
from pipeline.data.prepared import Manifest, Prepared, load_manifest, load_prepared
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.engine.contract import InputKind
from pipeline.network.block import Block
from pipeline.network.build import build_block, build_trunk
from pipeline.network.params import chain_to
from pipeline.network.plan import BlockPlan, plan_blocks
from pipeline.training.device import Compute, open_compute
from pipeline.training.direct_feed import DirectFeed
from pipeline.training.feed import CachedFeed, EncodedFeed, Feed, PrefixFeed
from pipeline.training.forward import Outputs, forward_chunks
from pipeline.training.params import TrainingSections
from pipeline.training.weights import load_into


@dataclass(frozen=True)
class Context:
    """One process at work on one run."""

    folders: Folders
    params: TrainingSections
    compute: Compute
    encoder: Encoder
    manifest: Manifest

    @classmethod
    def open(cls, folders: Folders, params: TrainingSections, devices: int = 1, nodes: int = 1, quiet: bool = False) -> "Context":
        """Read the manifest and the encoder, launch `devices` processes on each of `nodes` machines and, unless `quiet`, say
        which engine computes.

        Raises:
            UserError: a file is missing or damaged, or there is no such device or engine.
        """
        manifest = load_manifest(folders.prepared)
        compute = open_compute(params.compute, devices, nodes, params.neuron.levels)
        if compute.first and not quiet:
            print(compute.engine.line, flush=True)
        return cls(folders, params, compute, Encoder.load(folders.block(ENCODER) / "encoder.json"), manifest)

    @property
    def plans(self) -> dict[str, BlockPlan]:
        """The plan of every block."""
        return plan_blocks(self.params, self.manifest.image_shape, self.kind)

    @property
    def kind(self) -> InputKind:
        """What the first block receives."""
        return "analog" if self.encoder.direct else "signed"

    @property
    def cached(self) -> int:
        """How many noise realisations are kept and used in turns; 0 where every epoch draws fresh noise."""
        features = self.params.features
        return features.realisations if features.mode == "cached" else 0

    def build(self, keys: list[str], classes: int, hcd: bool, purpose: str) -> Block:
        """`build_block` for this run's images and engine, with initial weights."""
        shape, engine = self.manifest.image_shape, self.compute.engine
        return build_block(self.params, keys, shape, classes, hcd, purpose, engine, kind=self.kind)

    def encoded_feed(self, prepared: Prepared, split: str) -> Feed:
        """Training images as spikes, with the noise and the augmentation of training; drawn on the GPU by Triton's engine."""
        how = self.cached, self.params.training.augmentation
        if self.encoder.direct:
            return DirectFeed(prepared, self.encoder, split, self.params.training.augmentation)
        if self.compute.engine.name == "triton" and self.params.training.augmentation != "shift_turns":
            from pipeline.training.device_feed import DeviceFeed

            return DeviceFeed(prepared, self.encoder, split, self.compute.device, *how)
        return EncodedFeed(prepared, self.encoder, split, *how)

    def training_feed(self, key: str, prepared: Prepared, split: str, method: str = "bloctrain") -> Feed:
        """Input spikes of block `key` of `method` for training on `split`: images encoded anew and, behind the first block,
        cached features of the earlier blocks, or images sent through the frozen earlier blocks."""
        sources = self.plans[key].sources
        encoded = self.encoded_feed(prepared, split)
        if sources == (ENCODER,):
            return encoded
        folders = self.folders.features(sources, method)
        if self.cached:
            return CachedFeed(folders, split, self.cached)
        chain = chain_to(self.params.blocks, sources[0])
        prefix = build_trunk(self.params, chain, self.manifest.image_shape, engine=self.compute.engine, kind=self.kind)
        load_into(prefix, folders[sources[0]] / "prefix.safetensors")
        return PrefixFeed(encoded, self.compute.place(prefix), sources)

    def evaluation_feed(self, key: str, split: str, method: str = "bloctrain") -> Feed:
        """Input spikes of block `key` of `method` on validation or test images, which are fixed by the seed."""
        if self.encoder.direct and ENCODER in self.plans[key].sources:
            return DirectFeed(load_prepared(self.folders.prepared, split), self.encoder, split)
        return CachedFeed(self.folders.features(self.plans[key].sources, method), split)

    def forward(self, block: Block, feed: Feed, rows: np.ndarray, realisation: int, label: str = "") -> Outputs:
        """`forward_chunks` on this context's device."""
        return forward_chunks(self.compute, block, feed, rows, realisation, label)

    def accuracy(self, block: Block, feed: Feed, rows: np.ndarray, column: np.ndarray) -> float:
        """Share of the sorted `rows` whose largest logit is their target column."""
        right = 0
        for part, output in self.forward(block, feed, rows, FIXED):
            right += int((output.logits.argmax(1).cpu().numpy() == column[np.searchsorted(rows, part)]).sum())
        return right / max(len(rows), 1)
