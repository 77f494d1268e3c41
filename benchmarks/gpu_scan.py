"""Time of the neurons' scans on a GPU: Triton's kernels beside the scans in torch operations, at the layers of ResNet-9.

    python -m benchmarks.gpu_scan [images]

One JSON line a row: the median time of a forward and of a reverse scan, and the bytes that it must move as a share of what a
device-to-device copy moves in that time.
"""

import json
import sys
from collections.abc import Callable
from types import ModuleType

import torch

from pipeline.neuron import scans
from pipeline.neuron.levels import level_bytes
from pipeline.neuron.lif import LIF
from pipeline.neuron.triton import scans as triton_scans
from pipeline.neuron.triton import trouble

# [C, H, W] of the LIF layers for images of 32 x 32 pixels.
LAYERS = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
STEPS = (8, 25, 100)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
NEURON = LIF(0.99, 1.0, 0.3, 0)
REPEATS = 20


def seconds(call: Callable[[], object]) -> float:
    """Median time of a call on the device, after two to warm up."""
    times = []
    for repeat in range(REPEATS + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        if repeat >= 2:
            times.append(start.elapsed_time(end) / 1000)
    return sorted(times)[len(times) // 2]


def copy_bandwidth() -> float:
    """Bytes a second, read and written, of a copy of 1 GiB."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / seconds(lambda: target.copy_(source))


def forward_scan(module: ModuleType, current: torch.Tensor):
    """Spikes and what is kept, whether the module takes one current and another or a sequence of them."""
    if module is triton_scans or "currents" in module.lif_forward.__annotations__:
        return module.lif_forward([current], NEURON, True)
    return module.lif_forward(current, None, NEURON, True)


def rows(images: int, bandwidth: float):
    """One mapping per engine, dtype, layer and number of steps; where memory does not suffice, "out of memory"."""
    for dtype_name, dtype in DTYPES.items():
        for layer in LAYERS:
            for steps in STEPS:
                neurons = images * torch.Size(layer).numel()
                held = 4 * neurons if dtype == torch.float32 else level_bytes(neurons)
                moved = steps * (2 * neurons * dtype.itemsize + held)
                for engine, module in (("triton", triton_scans), ("torch", scans)):
                    row = {"engine": engine, "dtype": dtype_name, "layer": layer, "steps": steps, "images": images}
                    try:
                        row |= measure(module, dtype, (steps, images, *layer), moved, bandwidth)
                    except torch.cuda.OutOfMemoryError:
                        row["trouble"] = "out of memory"
                    torch.cuda.empty_cache()
                    yield row


def measure(module: ModuleType, dtype: torch.dtype, shape: tuple[int, ...], moved: int, bandwidth: float) -> dict:
    steps, images, channels, height, width = shape
    current = (torch.randn((steps, images, height, width, channels), device="cuda") + 0.4).to(dtype).permute(0, 1, 4, 2, 3)
    spikes, kept = forward_scan(module, current)
    forward = seconds(lambda: forward_scan(module, current))
    backward = seconds(lambda: module.lif_backward(spikes, kept, current, NEURON))
    return {
        "forward_ms": 1000 * forward, "backward_ms": 1000 * backward,
        "forward_share": moved / forward / bandwidth, "backward_share": moved / backward / bandwidth,
    }  # fmt: skip


def main() -> None:
    if why := trouble():
        sys.exit(f"benchmarks.gpu_scan: {why}")
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    bandwidth = copy_bandwidth()
    print(json.dumps({"device": torch.cuda.get_device_name(), "copy_gb_per_s": bandwidth / 1e9}), flush=True)
    for row in rows(images, bandwidth):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
