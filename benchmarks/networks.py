"""The networks that are measured, as parameters of this project, and a training step of it on random spikes.

`resnet9-block1` is the first block of the paper's ResNet-9 at a quarter of its width (conv 16, average pool 2, residual
unit of 32, hidden 256, 10 classes, images 3x32x32); `resnet9` is the whole network end to end (64 with stride 2, 128).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from pipeline.accounting.training_memory import state_bits
from pipeline.base.folders import ENCODER
from pipeline.base.seeding import numpy_generator
from pipeline.config import Params, parse_params
from pipeline.engine.choose import choose_engine
from pipeline.network.block import Block
from pipeline.network.build import build_block
from pipeline.network.plan import plan_blocks
from pipeline.network.walk import Bundle
from pipeline.training.device import open_compute
from pipeline.training.feed import Feed, Host, filled_up, time_major
from pipeline.training.step import MicroBatch, TrainingSet, accumulate, optimizer_step

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "digits.yaml"
NETWORKS = {"resnet9-block1": ["b1"], "resnet9": ["b1", "b2", "b3"]}
CHANNELS, CLASSES = 3, 10
CPU = torch.device("cpu")
LEARNING_RATE = 1e-3
INIT_GAIN = 0.8
"""That of the CIFAR-10 experiments (experiments/cifar10-*-cpu.yaml): how often neurons fire follows from it."""


def resnet9_blocks(width: int, hidden: int) -> list[tuple[list[dict[str, Any]], int]]:
    """(layers, hidden) of the three blocks; `width` is 64 in the paper."""
    stem = [{"kind": "conv", "channels": width}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 2 * width}]
    return [
        (stem, hidden),
        ([{"kind": "residual", "channels": 4 * width, "stride": 2}], hidden),
        ([{"kind": "residual", "channels": 8 * width}], hidden),
    ]


def equal_blocks(count: int, width: int, hidden: int) -> list[tuple[list[dict[str, Any]], int]]:
    """`count` blocks of one residual unit each, all of one width, for memory against depth."""
    return [([{"kind": "residual", "channels": width}], hidden)] * count


def make_params(
    blocks: list[tuple[list[dict[str, Any]], int]], steps: int, micro_batch: int = 16, precision: str = "bf16",
    kernel: str = "auto", image_size: int = 32, gain: float = INIT_GAIN,
) -> Params:  # fmt: skip
    """The embedded experiment's parameters with other blocks, image size, number of time steps and gain of the weights."""
    content = yaml.safe_load(EXPERIMENT.read_text(encoding="utf-8"))
    content["data"]["image_size"] = image_size
    content["encoding"]["time_steps"] = steps
    content["network"]["init_gain"] = gain
    content["blocks"] = {
        f"b{i}": {"prev": f"b{i - 1}", "layers": layers, "hidden": hidden,
                  "learning_rate": LEARNING_RATE}
        for i, (layers, hidden) in enumerate(blocks, start=1)
    }  # fmt: skip
    content["deepest"] = f"b{len(blocks)}"
    content["expectations"] = []
    # threads 0: all cores, as the peers have
    content["compute"] |= {"device": "cpu", "precision": precision, "micro_batch": micro_batch, "kernel": kernel, "threads": 0}
    return parse_params(content, "benchmark")


def resnet9(
    steps: int, micro_batch: int = 16, precision: str = "bf16", width: int = 16, image_size: int = 32, kernel: str = "auto",
    gain: float = INIT_GAIN,
) -> Params:  # fmt: skip
    return make_params(resnet9_blocks(width, 16 * width), steps, micro_batch, precision, kernel, image_size, gain)


def image_shape(params: Params) -> tuple[int, int, int]:
    """(C, H, W) of the images."""
    return CHANNELS, params.data.image_size, params.data.image_size


def build(params: Params, keys: Sequence[str]) -> Block:
    """One network of the blocks `keys`, without HCD, the same weights every time."""
    engine = choose_engine(params.compute.kernel, "cpu", params.compute.precision)
    return build_block(params, keys, image_shape(params), CLASSES, False, "benchmark", engine)


def paper_bytes_per_image(params: Params, keys: Sequence[str]) -> float:
    """The paper's own accounting: 33 bits per neuron, time step and image."""
    plans = plan_blocks(params, image_shape(params))
    return state_bits([plans[key] for key in keys], CLASSES, False) * params.encoding.time_steps / 8


def random_spikes(images: int, steps: int, image_size: int = 32, channels: int = CHANNELS) -> np.ndarray:
    """Host spikes int8 `[B, T, H, W, C]` in {-1, 0, 1}: signed Poisson trains of random normal images."""
    generator = numpy_generator(0, "benchmark", "images")
    image = generator.normal(size=(images, 1, image_size, image_size, channels))
    fires = generator.random((images, steps, image_size, image_size, channels)) < np.minimum(1, np.abs(image) / 3)
    return (fires * np.sign(image)).astype(np.int8)


def random_labels(images: int) -> np.ndarray:
    return numpy_generator(0, "benchmark", "labels").integers(0, CLASSES, images)


class HostFeed:
    """A feed of encoded spikes that lie in memory."""

    def __init__(self, host: np.ndarray):
        self.host = host

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        return {ENCODER: filled_up(self.host[rows], count)}

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        return {key: time_major(spikes, device, dtype) for key, spikes in host.items()}


def training_step(params: Params, block: Block, feed: Feed, label: np.ndarray, batch: int) -> Callable[[int], None]:
    """One optimiser step on the batch that starts at a given row, as `pipeline.training.step` makes it: micro-batches
    whose gradients add up, then Adam.

    `open_compute` also calls `keep_freed_memory`, as in every training.
    """
    compute = open_compute(params.compute)
    optimizer = torch.optim.Adam(block.parameters(), lr=LEARNING_RATE, fused=True)
    micro, rows = params.compute.micro_batch, np.arange(len(label))
    part = TrainingSet(feed, rows, label)

    def step(first: int) -> None:
        for start in range(first, first + batch, micro):
            piece = MicroBatch(part, rows[start : min(start + micro, first + batch)], batch, start + micro >= first + batch)
            accumulate(compute, block, piece, piece.read(0))
        optimizer_step(compute, block, optimizer)

    return step
