"""At what scale a run was made, and whether that is the paper's."""

from dataclasses import dataclass
from typing import Any

from pipeline.config import Params
from pipeline.network.params import PoolLayer
from pipeline.reporting.paper import read_claims_file
from pipeline.reporting.results import Results

DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits", "image_folder": "image folder"}
STAND_INS = ("digits", "image_folder")
"""Data that is not the paper's: a claim may show its direction there, never its value."""
EXPERIMENTS = {
    "cifar10_resnet9": ("cifar10", "ResNet-9", "CIFAR-10 ResNet-9"),
    "cifar100_resnet11": ("cifar100", "ResNet-11", "CIFAR-100 ResNet-11"),
    "cifar100_vgg16": ("cifar100", "VGG-16", "CIFAR-100 VGG-16"),
}
"""Data source, network family and printed name of each section of the paper's results."""
WIDTHS = {
    "ResNet-9": (64, 128, 256, 512),
    "VGG9-like": (64, 128, 256, 512),
    "ResNet-11": (64, 128, 256, 512, 512),
    "VGG-16": (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
}
"""Channels per layer or residual unit, of the networks that the paper builds on: Lee et al. 2020, Simonyan and Zisserman 2014."""
SIDE = 32
"""Both CIFAR sets are 32x32 pixels."""
TEST_PICKED = "hard classes picked on the test set"


def channels(params: Params) -> tuple[int, ...]:
    """Output channels of each layer or residual unit, pooling left out."""
    return tuple(layer.channels for block in params.blocks.values() for layer in block.layers if not isinstance(layer, PoolLayer))


def family(params: Params) -> str:
    """The network's name by its depth: 3x3 convolutions (1x1 shortcuts not counted) plus fully connected layers."""
    layers = [layer for block in params.blocks.values() for layer in block.layers]
    convolutions = sum({"conv": 1, "residual": 2, "pool": 0}[layer.kind] for layer in layers)
    connected = 2 if params.blocks[params.deepest].hidden else 1
    if convolutions == 13 and connected == 1:
        return "VGG-16"
    depth = convolutions + connected
    if any(layer.kind == "residual" for layer in layers) and params.network.shortcuts:
        return f"ResNet-{depth}"
    return f"VGG{depth}-like"


def section_of(params: Params, data: str) -> str | None:
    """The paper's section whose network this is, on its data or on a stand-in; None if there is none."""
    for section, (source, network, _) in EXPERIMENTS.items():
        if family(params) == network and data in (source, *STAND_INS):
            return section
    return None


def same_data(data: str, section: str) -> bool:
    return data == EXPERIMENTS[section][0]


def paper_network(results: Results, section: str) -> bool:
    """The paper's data, image size, network at full width, time steps and batch size: what analytic claims need."""
    setup, params = read_claims_file()["setup"], results.params
    return (
        same_data(results.dataset, section)
        and channels(params) == WIDTHS.get(family(params))
        and params.data.image_size == SIDE
        and params.encoding.time_steps == setup["time_steps"]
        and params.training.batch_size == setup["batch_size"]
    )


def paper_training(results: Results, section: str) -> bool:
    """`paper_network`, and the paper's epochs, learning rates, images and test set, no augmentation, dropout or schedule (it
    mentions none), with hard classes picked where the paper picks them.

    VGG-16 trains on the whole training set and picks hard classes on the test set (section 5.4).
    """
    setup = read_claims_file()["setup"]
    split = setup["split"]
    rates = setup["learning_rate"]
    training, blocks = results.params.training, results.params.blocks
    wanted = split["train"] + (split["validation"] if section == "cifar100_vgg16" else 0)
    return (
        paper_network(results, section)
        and training.epochs >= setup["epochs"]
        and results.params.baselines.end_to_end_learning_rate == rates["end_to_end"]
        and all(
            block.learning_rate == rates.get(f"block_{number}", rates["deeper"])
            for number, block in enumerate(blocks.values(), start=1)
        )
        and (training.augmentation, training.dropout, training.schedule) == ("none", 0.0, "constant")
        and results.images("train") >= wanted
        and results.images("test") == split["test"]
        and results.params.partition.source == ("test" if section == "cifar100_vgg16" else "validation")
    )


def scale_text(results: Results, method: str = "bloctrain") -> str:
    """One line: source, first-layer width, time steps, epochs, images trained on."""
    params = results.params
    return (
        f"{DATASETS[results.dataset]} {params.data.image_size}x{params.data.image_size}, "
        f"first layer {channels(params)[0]} channels, {params.encoding.time_steps} time steps, "
        f"{params.training.epochs} epochs, {results.trained_on(method)} images"
    )


def paper_scale_text(size: int, dataset: str) -> str:
    """The paper's own scale in the same words; only for its own rows."""
    setup = read_claims_file()["setup"]
    width = WIDTHS["ResNet-9"][0]
    steps, epochs = setup["time_steps"], setup["epochs"]
    return f"{dataset} {SIDE}x{SIDE}, first layer {width} channels, {steps} time steps, {epochs} epochs, {size} images"


@dataclass(frozen=True)
class Reference:
    """The paper's values that a figure of this run is drawn beside: those of the same network, or of none."""

    section: str | None

    @property
    def label(self) -> str:
        """`paper, CIFAR-10 ResNet-9`: the scale that nobody must mistake."""
        return f"paper, {EXPERIMENTS[self.section][2]}" if self.section else "paper"

    def value(self, name: str) -> Any:
        """The value that the section states under `name`, or None."""
        return next((entry["value"] for entry in self._entries() if entry["id"] == name), None)

    def field(self, name: str, key: str) -> Any:
        """Another field of the same entry, or None."""
        return next((entry.get(key) for entry in self._entries() if entry["id"] == name), None)

    def _entries(self) -> list[dict[str, Any]]:
        return list(read_claims_file()[self.section]) if self.section else []
