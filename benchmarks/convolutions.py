"""The bf16 convolution rate of this machine on one network's own synapses: their operations alone, without neurons.

Forward, gradient of the input (but for the first layer's, which nobody needs) and gradient of the weight of every
convolution and matrix product, channels last, micro-batch by micro-batch as in training.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from benchmarks.networks import image_shape
from pipeline.base.folders import ENCODER
from pipeline.config import Params
from pipeline.network.plan import InputPlan, LayerPlan, plan_blocks


def convolutions_step(params: Params, keys: Sequence[str], batch: int) -> Callable[[], None]:
    """One training step's worth of synaptic operations for `batch` images."""
    plans = plan_blocks(params, image_shape(params))
    trunk = [plan for key in keys for plan in plans[key].trunk if plan.kind == "conv"]
    images = min(params.compute.micro_batch, batch)
    folded = images * params.encoding.time_steps
    pieces = [_convolution(folded, layer, one) for layer in trunk for one in layer.inputs]
    hidden = plans[keys[-1]].hidden
    if hidden:
        pieces.append(_product(folded, hidden.main.fan_in, hidden.neurons))

    def step() -> None:
        for _ in range(-(-batch // images)):
            for piece in pieces:
                piece()

    return step


def _convolution(images: int, layer: LayerPlan, one: InputPlan) -> Callable[[], None]:
    x = _spikes(images, *one.inputs)
    weight = torch.randn(layer.outputs[0], one.inputs[0], one.kernel, one.kernel).bfloat16()
    grad = torch.randn(images, *layer.outputs).bfloat16().contiguous(memory_format=torch.channels_last)
    padding, stride, wants_input = one.kernel // 2, one.stride, one.source != ENCODER

    def run() -> None:
        conv2d(x, weight, stride=stride, padding=padding)
        torch.ops.aten.convolution_backward(
            grad, x, weight, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1, [wants_input, True, False]
        )

    return run


def _product(rows: int, inputs: int, outputs: int):
    x, weight = (torch.rand(rows, inputs) < 0.2).bfloat16(), torch.randn(outputs, inputs).bfloat16()
    grad = torch.randn(rows, outputs).bfloat16()

    def run() -> tuple[Tensor, Tensor, Tensor]:
        return x @ weight.T, grad @ weight, grad.T @ x

    return run


def _spikes(images: int, channels: int, height: int, width: int) -> Tensor:
    spikes = (torch.rand(images, channels, height, width) < 0.2).bfloat16()
    return spikes.contiguous(memory_format=torch.channels_last)
