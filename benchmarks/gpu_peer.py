"""SpikingJelly's training step on a GPU, in a process of its own: `python -m benchmarks.gpu_peer`.

The implementation of its neurons (cuda, triton or torch) is chosen by SpikingJelly's own environment variables, as in
SJ_LIF_CUDA_IMPLEMENTATION=triton. Convolutions see time folded into the batch, channels last, under bfloat16 autocast; neurons
are LIFNode and IFNode in multi-step mode with soft reset and its own triangle (PiecewiseQuadratic). One JSON line per network
and number of steps.
"""

import json
import os
import sys
from functools import partial

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from benchmarks.gpu_networks import CLASSES, DEVICE, IMAGE, NETWORKS, STEPS, at_what_fits, peak_gb, resnet, seconds
from pipeline.network.plan import LayerPlan, plan_blocks
from pipeline.network.walk import walk


class Network(nn.Module):
    """The blocks `keys` of ResNet-9 with SpikingJelly's neurons."""

    def __init__(self, width: int, hidden: int, keys: list[str]):
        super().__init__()
        plans = plan_blocks(resnet(width, hidden), IMAGE)
        self.plans = [plans[key] for key in keys]
        self.synapses, self.neurons = nn.ModuleDict(), nn.ModuleDict()
        for layer in (layer for plan in self.plans for layer in plan.trunk):
            self.neurons[layer.name] = _pooling() if layer.kind == "pool" else _firing()
            for one in layer.inputs:
                pool = nn.AvgPool2d(one.stride)
                conv = nn.Conv2d(one.inputs[0], layer.outputs[0], max(one.kernel, 1), one.stride, one.kernel // 2, bias=False)
                self.synapses[f"{layer.name}{one.weight}"] = pool if layer.kind == "pool" else conv
        last = self.plans[-1]
        self.hidden, self.fire = nn.Linear(torch.Size(last.outputs).numel(), hidden, bias=False), _firing()
        self.out = nn.Linear(hidden, CLASSES, bias=False)

    def forward(self, spikes: Tensor) -> Tensor:
        """Logits `[B, K]` of input `[T, B, C, H, W]`: the mean over time of the output layer."""
        outputs = walk(self.plans, {"b0": spikes}, self._layer)
        flat = outputs[self.plans[-1].key].flatten(2)
        return self.out(_fired(self.fire, self.hidden(flat))).mean(0)

    def _layer(self, layer: LayerPlan, inputs: list[Tensor]) -> Tensor:
        current = None
        for x, one in zip(inputs, layer.inputs, strict=True):
            own = self.synapses[f"{layer.name}{one.weight}"](x.flatten(0, 1)).unflatten(0, x.shape[:2])
            current = own if current is None else current + own
        return _fired(self.neurons[layer.name], current)


def _fired(neurons: nn.Module, current: Tensor | None) -> Tensor:
    """Its fused kernels want float32 potentials beside bfloat16 currents; left alone, they take the current's dtype."""
    if current is None:
        raise ValueError("a layer without inputs")
    neurons.v = torch.zeros_like(current[0], dtype=torch.float32)
    spikes: Tensor = neurons(current)
    return spikes


def _firing() -> nn.Module:
    own = surrogate.PiecewiseQuadratic(alpha=1.0)
    return neuron.LIFNode(tau=100.0, decay_input=False, v_threshold=1.0, v_reset=None, surrogate_function=own, step_mode="m")


def _pooling() -> nn.Module:
    own = surrogate.PiecewiseQuadratic(alpha=1.0)
    return neuron.IFNode(v_threshold=1.0, v_reset=None, surrogate_function=own, step_mode="m")


def measure(name: str, steps: int, width: int, hidden: int, images: int) -> dict[str, object]:
    """images_per_s and peak memory in GB of a training step on `images`."""
    network = Network(width, hidden, NETWORKS[name]).to(DEVICE).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    spikes = torch.randint(-1, 2, (steps, images, *IMAGE[1:], IMAGE[0]), device=DEVICE).float().permute(0, 1, 4, 2, 3)
    labels = torch.randint(0, CLASSES, (images,), device=DEVICE)

    def step() -> None:
        functional.reset_net(network)
        with torch.autocast(DEVICE, torch.bfloat16):
            logits = network(spikes)
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    taken = seconds(step, warm_up=3)
    return {"images_per_s": images / taken, "micro_batch": images, "peak_gb": peak_gb()}


def main() -> None:
    """Every network at every number of steps."""
    width, hidden = (int(value) for value in sys.argv[1:3]) if len(sys.argv) > 2 else (64, 1024)
    for steps in STEPS:
        for name in NETWORKS:
            row: dict[str, object] = {
                "network": name,
                "steps": steps,
                "how": os.environ.get("SJ_LIF_CUDA_IMPLEMENTATION", "auto"),
            }
            try:
                row |= at_what_fits(partial(measure, name, steps, width, hidden))
            except Exception as error:  # whatever a kernel or a compiler raises: the next row may do
                row["trouble"] = " ".join(str(error).split())[:200]
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
