"""The type of number in which this processor is fastest at the event-driven engine's one dense operation: gradients of inputs.

Where cores multiply bfloat16 by themselves it is bfloat16; elsewhere a library may take twice as long for it as for float32.
"""

import functools
import hashlib
import json
import time

import torch

from pipeline.base.files import write_json
from pipeline.engine import synapses as dense
from pipeline.neuron.fused.library import cache_folder, processor

ROUNDS = 5
MARGIN = 1.15
"""How much faster float32 must be: where both are about as fast the choice does not hang on noise."""
IMAGES, CHANNELS, SIDE = 64, 64, 16


@functools.cache
def dense_type() -> torch.dtype:
    """bfloat16, or float32 where that is faster by MARGIN; measured in about a second, once per machine and version of torch."""
    name = hashlib.sha256(f"{processor()} {torch.__version__}".encode()).hexdigest()[:24]
    try:
        path = cache_folder() / f"dense-{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {"float32_over_bfloat16": speed_ratio()})
        ratio = json.loads(path.read_text())["float32_over_bfloat16"]
    except (OSError, RuntimeError, ValueError, KeyError):  # no home, a full disk, a damaged file: measured by each process
        ratio = speed_ratio()
    return torch.float32 if ratio > MARGIN else torch.bfloat16


def speed_ratio() -> float:
    """How many times as fast float32 is, casts from and to bfloat16 included; the best of ROUNDS, in turns."""
    given = torch.ones(IMAGES, CHANNELS, SIDE, SIDE, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(CHANNELS, CHANNELS, 3, 3)
    best = {torch.bfloat16: float("inf"), torch.float32: float("inf")}
    for _ in range(ROUNDS + 1):
        for dtype in best:
            began = time.perf_counter()
            input_gradient(given, weight, 1, (CHANNELS, SIDE, SIDE), dtype)
            best[dtype] = min(best[dtype], time.perf_counter() - began)
    return best[torch.bfloat16] / best[torch.float32]


def input_gradient(
    grad: torch.Tensor, weight: torch.Tensor, stride: int, shape: tuple[int, int, int], dtype: torch.dtype
) -> torch.Tensor:
    """dL/dx `[N, C, H, W]` of a convolution whose input has the `shape` (C, H, W), of dL/dcurrent `[N, C', H', W']`; computed in
    `dtype`, given in that of `grad`."""
    wide = grad.to(dtype)
    x = torch.empty((len(wide), *shape), dtype=dtype, memory_format=torch.channels_last)  # only its layout is read
    found, _ = dense.backward(wide, x, weight, stride, (True, False))
    assert found is not None
    return found.to(grad.dtype)
