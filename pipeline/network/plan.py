"""The network on paper: every spiking layer's inputs, shapes, weights, operations and neurons, from the parameters alone.

`build` makes modules from it, `walk` passes spikes along it and `accounting` counts with it: all speak of the same network.
"""

from dataclasses import dataclass
from math import prod

from pipeline.base.errors import UserError
from pipeline.base.folders import ENCODER
from pipeline.engine.contract import InputKind
from pipeline.network.params import BlockParams, Blocks, ConvLayer, MaxPoolLayer, NetworkSections, PoolLayer, ResidualLayer

Shape = tuple[int, int, int]
KERNEL = 3
"""Side of every convolution but the shortcuts'."""


@dataclass(frozen=True)
class InputPlan:
    """One input of a layer: where it comes from and, but for pooling, the weight that it goes through.

    `source` is the name of an earlier layer of the block, or the key of an earlier block (b0: the encoder), whose output it
    is; `inputs` its shape (C, H, W). `weight` names the layer's parameter: a convolution of `kernel` x `kernel` (0: a matrix).
    """

    source: str
    inputs: Shape
    weight: str
    kernel: int
    stride: int
    kind: InputKind = "spikes"

    @property
    def fan_in(self) -> int:
        """Inputs of one neuron."""
        return self.inputs[0] * self.kernel**2 if self.kernel else prod(self.inputs)


@dataclass(frozen=True)
class LayerPlan:
    """One layer of spiking neurons and its inputs, the main one first.

    `kind` is conv, pool (average, of squares as large as the input's stride), max_pool (which has no neurons) or linear.
    `outputs` is the shape (C, H, W).
    """

    name: str
    kind: str
    inputs: tuple[InputPlan, ...]
    outputs: Shape
    threshold: float

    @property
    def main(self) -> InputPlan:
        """The input that the layer is named for; the others are shortcuts and residual inputs."""
        return self.inputs[0]

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return 0 if self.kind == "max_pool" else prod(self.outputs)

    @property
    def weights(self) -> int:
        """Weights of all inputs; none of a pooling layer."""
        return 0 if self.kind in ("pool", "max_pool") else self.outputs[0] * sum(one.fan_in for one in self.inputs)

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image and time step."""
        return self.weights * self.outputs[1] * self.outputs[2]


@dataclass(frozen=True)
class BlockPlan:
    """Trunk layers of one block and its classifier: the convolutions of its `head`, averages over squares of `readout_pool`
    pixels, a hidden spiking layer (unless linear) and the readout."""

    key: str
    trunk: tuple[LayerPlan, ...]
    hidden: LayerPlan | None
    head: tuple[LayerPlan, ...] = ()
    readout_pool: int = 1

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the earlier blocks whose output this block receives, the one before first."""
        inside = {layer.name for layer in self.trunk}
        found = dict.fromkeys(one.source for layer in self.trunk for one in layer.inputs if one.source not in inside)
        return tuple(found)

    @property
    def inputs(self) -> Shape:
        """Shape of the output of the block before."""
        return self.trunk[0].main.inputs

    @property
    def outputs(self) -> Shape:
        """Shape of the trunk's output."""
        return self.trunk[-1].outputs

    @property
    def features(self) -> Shape:
        """Shape of what the classifier averages."""
        return self.head[-1].outputs if self.head else self.outputs

    @property
    def classifier(self) -> tuple[LayerPlan, ...]:
        """The spiking layers of the classifier."""
        return self.head + ((self.hidden,) if self.hidden else ())

    @property
    def readout_inputs(self) -> int:
        """Inputs of each output neuron."""
        return self.hidden.neurons if self.hidden else prod(pooled(self.features, self.readout_pool))

    def readout_weights(self, classes: int, hcd: bool) -> int:
        """Weights of the output layer, and of the HCD's unit if there is one."""
        return self.readout_inputs * (classes + hcd)


def plan_blocks(sections: NetworkSections, image: Shape, kind: InputKind = "signed") -> dict[str, BlockPlan]:
    """The plan of every block for encoded images of shape `image` (C, H, W), which are values of that kind."""
    plans: dict[str, BlockPlan] = {}
    shapes = {ENCODER: image}
    for key, block in sections.blocks.items():
        threshold = block.threshold or sections.neuron.threshold
        trunk = _trunk(key, sections.blocks, sections.network.shortcuts, threshold, shapes, kind)
        shapes[key] = trunk[-1].outputs
        hidden, head = None, _head(key, block, shapes[key], threshold)
        if block.hidden:
            averaged: InputKind = "spikes" if block.readout_pool == 1 else "analog"
            features = head[-1].outputs if head else shapes[key]
            flat = InputPlan(key, pooled(features, block.readout_pool), "weight", 0, 1, averaged)
            hidden = LayerPlan("hidden", "linear", (flat,), (block.hidden, 1, 1), threshold)
        plans[key] = BlockPlan(key, tuple(trunk), hidden, head, block.readout_pool)
    return plans


def _head(key: str, block: BlockParams, shape: Shape, threshold: float) -> tuple[LayerPlan, ...]:
    layers: list[LayerPlan] = []
    for position, layer in enumerate(block.head):
        source = layers[-1].name if layers else key
        main = InputPlan(source, shape, "weight", KERNEL, layer.stride)
        shape = (layer.channels, -(-shape[1] // layer.stride), -(-shape[2] // layer.stride))
        layers.append(LayerPlan(f"{key}_head{position}", "conv", (main,), shape, threshold))
    return tuple(layers)


def pooled(shape: Shape, size: int) -> Shape:
    """The shape after pooling of squares of that side; what is left at the edges is dropped."""
    return shape[0], shape[1] // size, shape[2] // size


def _trunk(
    key: str, blocks: Blocks, shortcuts: bool, threshold: float, shapes: dict[str, Shape], encoded: InputKind
) -> list[LayerPlan]:
    block = blocks[key]
    source, shape = block.prev, shapes[block.prev]
    trunk: list[LayerPlan] = []
    residual = {earlier: shapes[earlier] for earlier in block.residual}

    def conv(name: str, source: str, inputs: Shape, channels: int, stride: int, *shortcut: InputPlan) -> LayerPlan:
        kind: InputKind = encoded if source == ENCODER else "spikes"
        main = InputPlan(source, inputs, "weight", KERNEL, stride, kind)
        outputs = (channels, -(-inputs[1] // stride), -(-inputs[2] // stride))
        extra = [_residual(earlier, residual.pop(earlier), outputs) for earlier in list(residual)]
        return LayerPlan(name, "conv", (main, *shortcut, *extra), outputs, threshold)

    for position, layer in enumerate(block.layers):
        name = f"{key}_{position}"
        if isinstance(layer, PoolLayer | MaxPoolLayer):
            squares = InputPlan(source, shape, "", layer.size, layer.size)
            trunk.append(LayerPlan(name, layer.kind, (squares,), pooled(shape, layer.size), threshold))
        elif isinstance(layer, ConvLayer):
            trunk.append(conv(name, source, shape, layer.channels, layer.stride))
        elif isinstance(layer, ResidualLayer):
            kind: InputKind = encoded if source == ENCODER else "spikes"
            shortcut = [InputPlan(source, shape, "shortcut", 1, layer.stride, kind)] if shortcuts else []
            trunk.append(conv(f"{name}a", source, shape, layer.channels, 1))
            trunk.append(conv(f"{name}b", f"{name}a", trunk[-1].outputs, layer.channels, layer.stride, *shortcut))
        else:
            raise ValueError(f"layer {name}: no plan for kind {layer.kind}; lay it out in pipeline/network/plan.py")
        source, shape = trunk[-1].name, trunk[-1].outputs
    if residual:
        raise UserError(f"params.yaml: blocks.{key}.residual: the block has no convolution to take them; give it one")
    return trunk


def _residual(source: str, inputs: Shape, outputs: Shape) -> InputPlan:
    """A residual input from an earlier block: a 1x1 convolution whose stride brings its sides to those of `outputs`."""
    stride = -(-inputs[1] // outputs[1])
    if any(-(-side // stride) != wanted for side, wanted in zip(inputs[1:], outputs[1:], strict=True)):
        raise UserError(
            f"params.yaml: blocks: residual input from {source}: no stride brings its {inputs[1]}x{inputs[2]} to "
            f"{outputs[1]}x{outputs[2]}; change the strides, or the size of the images"
        )
    return InputPlan(source, inputs, f"residual_{source}", 1, stride)
