"""The scans of `lif`, `pool` and `readout` as Triton kernels for GPUs; `trouble` says whether they can be had here."""

import functools
import importlib.util
import os

import torch


@functools.cache
def trouble() -> str:
    """In one line, why the Triton kernels cannot be used here; empty where they can.

    With TRITON_INTERPRET=1 in the environment they run on CPUs, in numpy and slowly, for tests.
    """
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not interpreted and not torch.cuda.is_available():
        return "there is no GPU"
    try:
        from pipeline.neuron.lif import LIF
        from pipeline.neuron.triton import scans

        neuron = LIF(0.9, 1.0, 0.3, 0)
        for dtype in (torch.float32, torch.bfloat16):
            current = torch.ones((2, 8), dtype=dtype, device="cpu" if interpreted else "cuda")
            spikes, kept = scans.lif_forward([current], neuron, keep=True)
            if kept is None or spikes[:, 0].tolist() != [1, 0]:
                return "a Triton kernel gives wrong spikes"
            scans.lif_backward(spikes, kept, current, neuron)
    except Exception as error:  # whatever the compiler or the driver raises
        return f"Triton's kernels do not compile here: {' '.join(str(error).split())[:200] or type(error).__name__}"
    return ""
