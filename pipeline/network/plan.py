"""The network on paper: every spiking layer's shapes, weights, operations and neurons, from the parameters alone.

`build` makes modules from it and `accounting` counts with it, so both speak of the same network.
"""

from dataclasses import dataclass
from math import prod
from typing import Any as Params

from pipeline.network.params import ConvLayer, PoolLayer

Shape = tuple[int, int, int]
KERNEL = 3


@dataclass(frozen=True)
class LayerPlan:
    """One layer of spiking neurons and the synapses into it.

    `kind` is conv (3x3), pool (average) or linear. `opens_unit` marks the first layer of a residual unit;
    `shortcut` is the shape of that unit's input where a 1x1 convolution with stride `stride_shortcut` adds it here.
    `signed` and `signed_shortcut`: whether these inputs are the encoder's spikes, which carry a sign.
    """

    name: str
    kind: str
    inputs: Shape
    outputs: Shape
    stride: int
    threshold: float
    opens_unit: bool = False
    shortcut: Shape | None = None
    stride_shortcut: int = 1
    signed: bool = False
    signed_shortcut: bool = False

    @property
    def neurons(self) -> int:
        return prod(self.outputs)

    @property
    def weights(self) -> int:
        if self.kind == "pool":
            return 0
        fan_in = self.fan_in + (self.shortcut[0] if self.shortcut else 0)
        return self.outputs[0] * fan_in

    @property
    def fan_in(self) -> int:
        return prod(self.inputs) if self.kind == "linear" else self.inputs[0] * KERNEL * KERNEL

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image and time step."""
        return self.weights * self.outputs[1] * self.outputs[2]


@dataclass(frozen=True)
class BlockPlan:
    """Trunk layers of one block and its classifier: a hidden spiking layer (unless linear) and the readout."""

    key: str
    trunk: tuple[LayerPlan, ...]
    hidden: LayerPlan | None

    @property
    def inputs(self) -> Shape:
        return self.trunk[0].inputs

    @property
    def outputs(self) -> Shape:
        return self.trunk[-1].outputs

    @property
    def readout_inputs(self) -> int:
        return self.hidden.neurons if self.hidden else prod(self.outputs)

    def readout_weights(self, classes: int, hcd: bool) -> int:
        return self.readout_inputs * (classes + hcd)


def plan_blocks(params: Params, channels: int) -> dict[str, BlockPlan]:
    """The plan of every block for images of `channels` channels."""
    shape: Shape = (channels, params.data.image_size, params.data.image_size)
    plans: dict[str, BlockPlan] = {}
    for key, block in params.blocks.items():
        threshold = block.threshold or params.neuron.threshold
        trunk: list[LayerPlan] = []
        for position, layer in enumerate(block.layers):
            name = f"{key}_{position}"
            signed = not plans and not trunk
            if isinstance(layer, PoolLayer):
                size = shape[1] // layer.size
                trunk.append(LayerPlan(name, "pool", shape, (shape[0], size, size), layer.size, threshold))
            elif isinstance(layer, ConvLayer):
                trunk.append(_conv(name, shape, layer.channels, layer.stride, threshold, signed=signed))
            else:
                first = _conv(f"{name}a", shape, layer.channels, 1, threshold, opens_unit=True, signed=signed)
                second = _conv(
                    f"{name}b", first.outputs, layer.channels, layer.stride, threshold,
                    shortcut=shape if params.network.shortcuts else None, stride_shortcut=layer.stride,
                    signed_shortcut=signed,
                )  # fmt: skip
                trunk += [first, second]
            shape = trunk[-1].outputs
        hidden = LayerPlan("hidden", "linear", shape, (block.hidden, 1, 1), 1, threshold) if block.hidden else None
        plans[key] = BlockPlan(key, tuple(trunk), hidden)
    return plans


def _conv(name: str, inputs: Shape, channels: int, stride: int, threshold: float, **unit) -> LayerPlan:
    size = -(-inputs[1] // stride)
    return LayerPlan(name, "conv", inputs, (channels, size, size), stride, threshold, **unit)
