"""At what scale a run was made: the facts of it that readers of a result need, in a form that can be stored."""

from dataclasses import dataclass
from typing import Any

from pipeline.base.folders import METHODS
from pipeline.config import Params
from pipeline.data.known import known_dataset
from pipeline.network.params import MaxPoolLayer, PoolLayer
from pipeline.reporting.results import Results

DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits", "image_folder": "image folder"}
"""How tables call the data sets; others by their `data.source`."""
TEST_PICKED = "hard classes picked on the test set"
"""The mark of results that rest on a leak, as the paper's of VGG-16 do."""


@dataclass(frozen=True)
class Scale:
    """What was run. `images` are those that each method was trained on; `channels` those of each layer or residual unit;
    `learning_rates` by block and of end_to_end; `training` the section of that name. `partition` holds source, metric, mode,
    value and threshold, the accuracy (0..1) that the hardness threshold came to after block 1. `theta_conf` is a list only where
    blocks differ."""

    dataset: str
    image_size: int
    channels: list[int]
    family: str
    shortcuts: bool
    init_gain: float
    time_steps: int
    images: dict[str, int]
    test_images: int
    seed: int
    training: dict[str, Any]
    learning_rates: dict[str, float]
    theta_conf: float | list[float]
    partition: dict[str, Any]

    @property
    def data(self) -> str:
        """The data set's name as tables print it."""
        return DATASETS.get(self.dataset, self.dataset)

    @property
    def blocks(self) -> int:
        """Blocks of the network, built or not."""
        return len(self.learning_rates) - 1

    @property
    def amount(self) -> int:
        """Size of the experiment: channels of the first layer x time steps x epochs x BlocTrain's training images."""
        return int(self.channels[0] * self.time_steps * self.training["epochs"] * self.images["bloctrain"])

    @property
    def equal_learning_rates(self) -> bool:
        """Whether block 1 and end-to-end have one learning rate, so that at depth 1 they are trained alike."""
        return self.learning_rates["b1"] == self.learning_rates["end_to_end"]

    @property
    def test_picked(self) -> str:
        """TEST_PICKED where it applies, else nothing."""
        return TEST_PICKED if self.partition["source"] == "test" else ""

    def text(self, method: str = "bloctrain") -> str:
        """One line: source, first-layer width, time steps, epochs, images trained on."""
        size, epochs = f"{self.data} {self.image_size}x{self.image_size}, first layer {self.channels[0]}", self.training["epochs"]
        return f"{size} channels, {self.time_steps} time steps, {epochs} epochs, {self.images[method]} images"


def scale_of(results: Results) -> Scale:
    """The scale of the run in force. The baselines train on the validation split as well."""
    params, theta, partition = results.params, results.params.inference.theta_conf, results.params.partition
    own, also = results.images("train"), results.images("validation")
    layers = [layer for block in params.blocks.values() for layer in block.layers]
    rates = {key: block.learning_rate for key, block in params.blocks.items()}
    decided = {"source": partition.source, "metric": partition.metric, "threshold": results.blocks[0].threshold}
    return Scale(
        dataset=known_dataset(params.data.source, results.manifest), image_size=params.data.image_size,
        channels=[layer.channels for layer in layers if not isinstance(layer, PoolLayer | MaxPoolLayer)], family=family(params),
        shortcuts=params.network.shortcuts, init_gain=params.network.init_gain, time_steps=params.encoding.time_steps,
        images={method: own + (0 if method == "bloctrain" else also) for method in METHODS}, test_images=results.images("test"),
        seed=params.seed, training=params.training.model_dump(),
        learning_rates=rates | {"end_to_end": params.baselines.end_to_end_learning_rate},
        theta_conf=theta[0] if isinstance(theta, list) and len(set(theta)) == 1 else theta,
        partition=decided | partition.threshold.model_dump(),
    )  # fmt: skip


def family(params: Params) -> str:
    """The network's name by its depth: 3x3 convolutions (1x1 shortcuts not counted) plus fully connected layers."""
    kinds = [layer.kind for block in params.blocks.values() for layer in block.layers]
    convolutions, connected = kinds.count("conv") + 2 * kinds.count("residual"), 2 if params.blocks[params.deepest].hidden else 1
    if convolutions == 13 and connected == 1:
        return "VGG-16"
    residual = params.network.shortcuts and "residual" in kinds
    return f"ResNet-{convolutions + connected}" if residual else f"VGG{convolutions + connected}-like"
