"""At what scale a run was made: the facts of it that readers of a result need, in a form that can be stored."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.config import Params
from pipeline.network.params import PoolLayer
from pipeline.reporting.results import Results

DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits", "image_folder": "image folder"}
"""How tables call the data sets."""
TEST_PICKED = "hard classes picked on the test set"
"""The mark of results that rest on a leak, as the paper's of VGG-16 do."""


@dataclass(frozen=True)
class Scale:
    """What was run. `images` are those that each method was trained on; `amount` measures the size of the experiment: channels
    of the first layer x time steps x epochs x training images. `partition` holds source, metric, mode, value and threshold, the
    accuracy (0..1) that the hardness threshold came to after block 1. `theta_conf` is a number, or a list if blocks differ.
    `equal_learning_rates`: whether block 1 and end-to-end train alike."""

    dataset: str
    image_size: int
    first_layer_channels: int
    time_steps: int
    epochs: int
    images: dict[str, int]
    test_images: int
    family: str
    blocks: int
    shortcuts: bool
    init_gain: float
    seed: int
    equal_learning_rates: bool
    amount: int
    theta_conf: float | list[float]
    partition: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The data set's name as tables print it."""
        return DATASETS[self.dataset]

    @property
    def test_picked(self) -> str:
        """TEST_PICKED where it applies, else nothing."""
        return TEST_PICKED if self.partition["source"] == "test" else ""

    def text(self, method: str = "bloctrain") -> str:
        """One line: source, first-layer width, time steps, epochs, images trained on."""
        return scale_text(
            self.data, self.image_size, self.first_layer_channels, self.time_steps, self.epochs, self.images[method]
        )


def scale_text(data: str, side: int, width: int, steps: int, epochs: int, images: int) -> str:
    """The words for a scale, ours or the paper's."""
    return f"{data} {side}x{side}, first layer {width} channels, {steps} time steps, {epochs} epochs, {images} images"


def scale_of(results: Results) -> Scale:
    """The scale of the run in force."""
    params, block = results.params, results.blocks[0]
    width, steps, epochs = channels(params)[0], params.encoding.time_steps, params.training.epochs
    threshold = params.partition.threshold
    return Scale(
        dataset=results.dataset,
        image_size=params.data.image_size,
        first_layer_channels=width,
        time_steps=steps,
        epochs=epochs,
        images={method: results.trained_on(method) for method in ("bloctrain", "bloctrain_base", "end_to_end")},
        test_images=results.images("test"),
        family=family(params),
        blocks=len(results.blocks),
        shortcuts=params.network.shortcuts,
        init_gain=params.network.init_gain,
        seed=params.seed,
        equal_learning_rates=equal_learning_rates(params),
        amount=width * steps * epochs * params.data.split.train,
        theta_conf=theta_conf(params),
        partition={
            "source": params.partition.source,
            "metric": params.partition.metric,
            "mode": threshold.mode,
            "value": threshold.value,
            "threshold": block.threshold,
        },
    )


def equal_learning_rates(params: Params) -> bool:
    """Whether block 1 and the end-to-end networks have the same learning rate, so that at depth 1 they are trained alike."""
    return params.blocks["b1"].learning_rate == params.baselines.end_to_end_learning_rate


def theta_conf(params: Params) -> float | list[float]:
    """The confidence threshold of inference: one number where all blocks have the same."""
    theta = params.inference.theta_conf
    return theta[0] if isinstance(theta, list) and len(set(theta)) == 1 else theta


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
    residual = params.network.shortcuts and any(layer.kind == "residual" for layer in layers)
    return f"ResNet-{convolutions + connected}" if residual else f"VGG{convolutions + connected}-like"
