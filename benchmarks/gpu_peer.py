"""SpikingJelly's training step on a GPU, in a process of its own: `python -m benchmarks.gpu_peer`.

The implementation of its neurons (cuda or triton) is chosen by SpikingJelly's own environment variables, as in
SJ_LIF_CUDA_IMPLEMENTATION=triton; without them it chooses itself. Convolutions see time folded into the batch, channels last,
under bfloat16 autocast; neurons are its multi-step LIF and IF with soft reset and its own triangle (PiecewiseQuadratic). They are
called by its functional interface with float32 potentials, which its fused kernels need: its modules would take the currents'
bfloat16 for them. One JSON line per network and number of steps.
"""

import json
import os
import sys
from functools import partial

import torch
from spikingjelly.activation_based import functional, surrogate
from torch import Tensor, nn

from benchmarks.gpu_networks import CLASSES, DEVICE, IMAGE, NETWORKS, STEPS, at_what_fits, peak_gb, resnet, seconds
from pipeline.accounting.measured import saved_bytes
from pipeline.network.plan import LayerPlan, plan_blocks
from pipeline.network.walk import walk


class Network(nn.Module):
    """The blocks `keys` of ResNet-9 with SpikingJelly's neurons."""

    def __init__(self, width: int, hidden: int, keys: list[str]):
        super().__init__()
        plans = plan_blocks(resnet(width, hidden), IMAGE)
        self.plans = [plans[key] for key in keys]
        self.synapses = nn.ModuleDict()
        for layer in (layer for plan in self.plans for layer in plan.trunk):
            for one in layer.inputs:
                pool = nn.AvgPool2d(one.stride)
                conv = nn.Conv2d(one.inputs[0], layer.outputs[0], max(one.kernel, 1), one.stride, one.kernel // 2, bias=False)
                self.synapses[f"{layer.name}{one.weight}"] = pool if layer.kind == "pool" else conv
        last = self.plans[-1]
        self.hidden = nn.Linear(torch.Size(last.outputs).numel(), hidden, bias=False)
        self.out = nn.Linear(hidden, CLASSES, bias=False)

    def forward(self, spikes: Tensor) -> Tensor:
        """Logits `[B, K]` of input `[T, B, C, H, W]`: the mean over time of the output layer."""
        outputs = walk(self.plans, {"b0": spikes}, self._layer)
        flat = outputs[self.plans[-1].key].flatten(2)
        return self.out(fire(self.hidden(flat))).mean(0)

    def _layer(self, layer: LayerPlan, inputs: list[Tensor]) -> Tensor:
        first, *more = [
            self.synapses[f"{layer.name}{one.weight}"](x.flatten(0, 1)).unflatten(0, x.shape[:2])
            for x, one in zip(inputs, layer.inputs, strict=True)
        ]
        current = sum(more, first)
        return pool_fire(current) if layer.kind == "pool" else fire(current)


TRIANGLE = surrogate.PiecewiseQuadratic(alpha=1.0)


def fire(current: Tensor) -> Tensor:
    """Spikes of LIF neurons, leak 0.99 and threshold 1, of currents `[T, ...]`."""
    silent = torch.zeros_like(current[0], dtype=torch.float32)
    spikes: Tensor = functional.lif_multi_step(current, silent, 100.0, False, 1.0, None, TRIANGLE)[0]
    return spikes


def pool_fire(current: Tensor) -> Tensor:
    """Spikes of integrate-and-fire neurons of pooled spikes `[T, ...]`."""
    silent = torch.zeros_like(current[0], dtype=torch.float32)
    spikes: Tensor = functional.if_multi_step(current, silent, 1.0, None, TRIANGLE)[0]
    return spikes


def measure(name: str, steps: int, width: int, hidden: int, images: int) -> dict[str, object]:
    """images_per_s and peak memory in GB of a training step on `images`, and megabytes kept for backward per image."""
    network = Network(width, hidden, NETWORKS[name]).to(DEVICE).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    spikes = torch.randint(-1, 2, (steps, images, *IMAGE[1:], IMAGE[0]), device=DEVICE).float().permute(0, 1, 4, 2, 3)
    labels = torch.randint(0, CLASSES, (images,), device=DEVICE)

    def logits(count: int) -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16):
            out: Tensor = network(spikes[:, :count]).float()
        return out

    def step() -> None:
        nn.functional.cross_entropy(logits(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    taken = seconds(step, warm_up=3)
    row: dict[str, object] = {"images_per_s": images / taken, "micro_batch": images, "peak_gb": peak_gb()}
    # of one image more, so that casts of the weights do not count
    one, three = (saved_bytes(network, partial(lambda count: logits(count).sum(), count)) for count in (1, 3))
    return row | {"saved_mb_per_image": (three - one) / 2e6}


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
