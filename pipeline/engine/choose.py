"""Which engine computes a network: decided once per process, from the parameters and the device."""

import functools
from collections.abc import Callable
from typing import Literal

import torch

from pipeline.base.errors import UserError
from pipeline.engine.contract import Engine
from pipeline.engine.dense_type import dense_type
from pipeline.engine.event_driven import EventEngine
from pipeline.engine.events.synapses import load_events
from pipeline.engine.integer import IntegerEngine
from pipeline.engine.lean import LeanEngine
from pipeline.engine.reference import ReferenceEngine
from pipeline.neuron import scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.fused.library import KernelsUnavailable, load_library
from pipeline.neuron.normalised.scan import load_normalised
from pipeline.neuron.triton import trouble as triton_trouble

Kernel = Literal["auto", "reference", "lean", "fused", "events", "triton"]
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16}
"""Of spikes between layers, by compute.precision."""


@functools.cache
def choose_engine(kernel: Kernel, device: str, precision: str = "32", levels: int = 1) -> Engine:
    """The engine for `compute.kernel` on a type of device in a precision.

    `auto` takes compiled kernels on CPUs, in bf16 with event-driven synapses; in float32 it keeps the order of the
    reference's sums. Layers that the event-driven kernels do not `suit` have dense synapses. On GPUs it takes Triton's kernels.
    Neurons of several `levels` have compiled kernels on CPUs and are computed by torch operations elsewhere.

    Raises:
        UserError: an engine was asked for where it cannot be had.
    """
    dtype = DTYPES[precision]
    if kernel == "reference":
        return ReferenceEngine(device, dtype)
    if levels > 1:
        if kernel != "auto":
            raise UserError(
                f"params.yaml: compute.kernel is {kernel}, whose neurons fire once a step, but neuron.levels is {levels}; use "
                "kernel: auto"
            )
        return _of_several_levels(device, dtype, levels)
    if kernel == "lean":
        return LeanEngine("lean", scans, device, dtype, "neurons: lean scans in torch operations (compute.kernel: lean)")
    if kernel == "triton" or (kernel == "auto" and device == "cuda"):
        return _on_gpu(kernel, device, dtype)
    events = kernel == "events" or (kernel == "auto" and precision == "bf16")
    dense_why = events_why = "compiled kernels are for CPUs"
    if device == "cpu":
        dense_why = _trouble(load_library)
        events_why = dense_why or (_trouble(load_events) if events else "")
    why = events_why if kernel == "events" else dense_why
    if why and kernel in ("fused", "events"):
        raise UserError(f"params.yaml: compute.kernel is {kernel} but {why}; change that, or use kernel: auto")
    if dense_why:
        return LeanEngine("lean", scans, device, dtype, f"neurons: lean scans in torch operations ({dense_why})")
    if not events:
        return LeanEngine("fused", fused_scans, "cpu", dtype, "neurons: compiled kernels")
    if events_why:
        return LeanEngine("fused", fused_scans, "cpu", dtype, f"neurons: compiled kernels; dense synapses ({events_why})")
    wide = dtype if dtype == torch.float32 else dense_type()
    why = "" if wide == dtype else ", gradients of inputs in float32, which is faster here"
    return EventEngine(fused_scans, dtype, f"neurons: compiled kernels; spikes drive the synapses{why}", wide)


def _of_several_levels(device: str, dtype: torch.dtype, levels: int) -> Engine:
    """Compiled neurons on CPUs, torch operations elsewhere."""
    why = _trouble(load_normalised) if device == "cpu" else "compiled kernels are for CPUs"
    if why:
        return ReferenceEngine(device, dtype, f"neurons: up to {levels} spikes a step, in torch operations ({why})")
    return IntegerEngine(dtype, levels)


def _on_gpu(kernel: Kernel, device: str, dtype: torch.dtype) -> Engine:
    """Triton's kernels, or for `auto` torch operations where Triton cannot be had."""
    why = triton_trouble()
    if kernel == "triton" and why:
        raise UserError(f"params.yaml: compute.kernel is triton but {why}; change that, or use kernel: auto")
    if why:
        return LeanEngine("lean", scans, device, dtype, f"neurons: lean scans in torch operations ({why})")
    from pipeline.neuron.triton import scans as triton_scans

    return LeanEngine("triton", triton_scans, device, dtype, "neurons: Triton kernels")


def on_cpu(kernel: Kernel, precision: str, levels: int = 1) -> Engine:
    """The engine for measurements on the CPU: the one asked for if it runs there, else the CPU's own choice."""
    return choose_engine(kernel if kernel in ("reference", "lean", "fused", "events") else "auto", "cpu", precision, levels)


def _trouble(load: Callable[[], object]) -> str:
    """Why `load` finds no kernels; empty where it does."""
    try:
        load()
    except KernelsUnavailable as error:
        return str(error)
    return ""
