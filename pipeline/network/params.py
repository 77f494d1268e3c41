"""The sections `network` and `blocks`: the layers, and how they are cut into blocks."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field

from pipeline.base.sections import Count, Positive, Section
from pipeline.neuron.params import NeuronParams

Stride = Annotated[int, Field(ge=1, le=2)]


class NetworkParams(Section):
    """What all blocks share."""

    shortcuts: bool
    """Whether residual units have their 1x1 shortcut; without it the network is VGG-like. Paper: true for ResNet-9 and
    ResNet-11, false for the VGG9-like comparison."""
    init_gain: Positive
    """Factor on the standard deviation of the initial weights, sqrt(2 / fan_in): it decides how often neurons fire at first."""
    norm: Literal["none", "batch"] = "none"
    """batch: currents of convolutions are normalised over images and steps before they reach the neurons, scaled to the threshold
    (Zheng et al. 2021, arXiv:2011.05280). Micro-batches are normalised each by itself. Paper: none."""
    norm_scale: Positive = 1.0
    """alpha of that paper: the standard deviation of normalised currents before training, in units of the threshold."""


class ConvLayer(Section):
    """3x3 convolution and LIF neurons."""

    kind: Literal["conv"]
    """A convolution."""
    channels: Count
    """Output channels."""
    stride: Stride = 1
    """2 halves the image."""


class PoolLayer(Section):
    """Average pooling into integrate-and-fire neurons."""

    kind: Literal["pool"]
    """Pooling."""
    size: Annotated[int, Field(ge=2)]
    """Side of the squares that are averaged. Unit: pixels."""


class MaxPoolLayer(Section):
    """Pooling without neurons: of each square the largest output goes on, which for spikes is whether any neuron fired."""

    kind: Literal["max_pool"]
    """Pooling."""
    size: Annotated[int, Field(ge=2)]
    """Side of the squares. Unit: pixels."""


class ResidualLayer(Section):
    """conv3x3, LIF, conv3x3 (stride) plus a 1x1 shortcut from the unit's input, LIF."""

    kind: Literal["residual"]
    """A residual unit."""
    channels: Count
    """Output channels of both convolutions."""
    stride: Stride = 1
    """Of the second convolution and the shortcut."""


Layer = Annotated[ConvLayer | PoolLayer | MaxPoolLayer | ResidualLayer, Field(discriminator="kind")]


class BlockParams(Section):
    """One block: its layers, its classifier, and how it is trained. Keys are b1, b2, ... in order."""

    prev: str
    """The block before, b0 (the encoder) for the first."""
    layers: Annotated[list[Layer], Field(min_length=1)]
    """Layers in order: {kind: conv, channels, stride}, {kind: pool, size}, {kind: max_pool, size} or {kind: residual, channels,
    stride}."""
    residual: list[str] = Field(default=[])
    """Earlier blocks, the one before aside, whose output spikes the first convolution of this block receives as well, each
    through a 1x1 convolution (O_res of Algorithm 2). Paper: [b1, b2] for block 4 of VGG-16."""
    head: list[ConvLayer] = Field(default=[])
    """Convolutions of the classifier's own, between the trunk and the rest of it; later blocks do not receive their spikes.
    Paper: none."""
    hidden: Annotated[int, Field(ge=0)]
    """Neurons of the classifier's hidden layer; 0 makes the classifier linear. Paper: a hidden layer, none in VGG-16."""
    readout_pool: Count = 1
    """Side of the squares of the trunk's or the head's output that the classifier averages. Paper: 1, none. Unit: pixels."""
    learning_rate: Positive
    """Of the optimiser, for this block of BlocTrain and BlocTrain-base. Paper: 2e-4 for blocks 1 and 2, 1e-4 deeper."""
    threshold: Positive | None = None
    """Firing threshold of this block's neurons in place of neuron.threshold."""


Blocks = dict[str, BlockParams]


class NetworkSections(Protocol):
    """The sections that a network is laid out from."""

    seed: int
    neuron: NeuronParams
    network: NetworkParams
    blocks: Blocks


def chain_to(blocks: Blocks, key: str) -> list[str]:
    """The keys of the blocks from b1 up to and including `key`; raises KeyError for a key that is not one of `blocks`."""
    if key not in blocks:
        raise KeyError(f"{key} is not one of the blocks {', '.join(blocks)}")
    keys = list(blocks)
    return keys[: keys.index(key) + 1]
