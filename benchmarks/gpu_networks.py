"""What is measured on a GPU: the paper's ResNet-9 and its first block, on random images, and how a call is timed."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import Encoder, fit_encoder
from pipeline.network.build import Design
from pipeline.network.params import BlockParams, ConvLayer, NetworkParams, PoolLayer, ResidualLayer
from pipeline.network.plan import LayerPlan, plan_blocks
from pipeline.neuron.params import NeuronParams

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
IMAGE, CLASSES, BATCH = (3, 32, 32), 10, 64
NETWORKS = {"first block": ["b1"], "whole ResNet-9": ["b1", "b2", "b3"]}
STEPS = (100, 25, 8)
NEURON = NeuronParams(leak=0.99, threshold=1.0, damping=0.3, delay=1)


def resnet(width: int = 64, hidden: int = 1024, gain: float = 0.8, fourth: bool = False) -> Design:
    """The paper's ResNet-9 (`width` 64), or with a `fourth` block ResNet-11."""

    def residual(channels: int, stride: int) -> list:
        return [ResidualLayer(kind="residual", channels=channels, stride=stride)]

    stem = [ConvLayer(kind="conv", channels=width), PoolLayer(kind="pool", size=2), *residual(2 * width, 1)]
    layers = [stem, residual(4 * width, 2), residual(8 * width, 1), *([residual(8 * width, 2)] if fourth else [])]
    blocks = {
        f"b{number}": BlockParams(prev=f"b{number - 1}", layers=own, hidden=hidden, learning_rate=2e-4)
        for number, own in enumerate(layers, start=1)
    }
    return Design(blocks, NEURON, NetworkParams(shortcuts=True, init_gain=gain))


def random_images(count: int, steps: int) -> tuple[Prepared, Encoder]:
    """Images of noise with labels, and an encoder fitted to them."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *IMAGE), dtype=np.uint8)
    return Prepared(images, random.integers(0, CLASSES, count)), fit_encoder(images, steps, 1000, 0)


def seconds(call: Callable[[], object], warm_up: int = 2, repeats: int = 3) -> float:
    """Median time of a call on the device, after some to warm up."""
    times = []
    for repeat in range(warm_up + repeats):
        synchronize()
        started = time.perf_counter()
        call()
        synchronize()
        if repeat >= warm_up:
            times.append(time.perf_counter() - started)
    return median(times)


def synchronize() -> None:
    """Wait for the device."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def peak_gb() -> float:
    """The most device memory that was in use since the last call of `at_what_fits`."""
    return torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else 0.0


def at_what_fits(measure: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """What `measure(micro_batch)` gives at the largest micro-batch that the device's memory holds."""
    images = BATCH
    while images >= 4:
        try:
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            return measure(images)
        except torch.cuda.OutOfMemoryError:
            images //= 2
    return {"trouble": "out of memory"}


def synapse_seconds(design: Design, keys: list[str], steps: int, images: int) -> tuple[float, float]:
    """(seconds, floating-point operations) of the convolutions and matrix products of one training step, forward and backward,
    in bfloat16 on random data, layer by layer: what no engine with dense synapses can be faster than."""
    plans = plan_blocks(design, IMAGE)
    layers = [layer for key in keys for layer in plans[key].trunk if layer.kind == "conv"]
    hidden = plans[keys[-1]].hidden
    total = operations = 0.0
    for number, layer in enumerate([*layers, *([hidden] if hidden else [])]):
        for one in layer.inputs:
            first = number == 0
            total += seconds(_dense(layer, one, steps * images, first), warm_up=1, repeats=2)
            macs = layer.outputs[0] * one.fan_in * layer.outputs[1] * layer.outputs[2]
            operations += 2 * (2 if first else 3) * macs * steps * images
    return total, operations


def _dense(layer: LayerPlan, one, count: int, first: bool) -> Callable[[], object]:
    shape = (count, one.fan_in) if not one.kernel else (count, *one.inputs)
    x = (torch.rand(shape, device=DEVICE) < 0.1).to(torch.bfloat16)
    if not one.kernel:
        weight = torch.randn(layer.neurons, one.fan_in, device=DEVICE, dtype=torch.bfloat16)
        grad = torch.randn(count, layer.neurons, device=DEVICE, dtype=torch.bfloat16)
        return lambda: (x @ weight.T, grad @ weight, grad.T @ x)
    x = x.to(memory_format=torch.channels_last)
    weight = torch.randn(layer.outputs[0], one.inputs[0], one.kernel, one.kernel, device=DEVICE, dtype=torch.bfloat16)
    grad = torch.randn((count, *layer.outputs), device=DEVICE, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    padding, stride = one.kernel // 2, one.stride

    def step() -> tuple[Tensor, ...]:
        out = torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)
        return out, *torch.ops.aten.convolution_backward(
            grad, x, weight, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1, [not first, True, False]
        )

    return step
