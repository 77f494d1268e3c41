"""What computes synapses and neurons: the readable reference under automatic differentiation, or faster ways to the same."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Literal, NamedTuple

from pipeline.base.errors import UserError
from pipeline.network.events.synapses import load_events
from pipeline.neuron import scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.fused.library import KernelsUnavailable, load_library

Kernel = Literal["auto", "reference", "lean", "fused", "events"]


class Engine(NamedTuple):
    """The module of scans (None for the reference), whether spikes drive the synapses, and one line that says why."""

    scans: ModuleType | None
    events: bool
    line: str


@functools.cache
def choose_engine(kernel: Kernel, device: str, precision: str = "32") -> Engine:
    """The engine for `compute.kernel` on a device in a precision.

    `auto` takes compiled kernels on CPUs, in bf16 with event-driven synapses; in float32 it keeps the order of the
    reference's sums. Layers that the event-driven kernels do not `suit` have dense synapses.

    Raises:
        UserError: `fused` or `events` was asked for where it cannot be had.
    """
    if kernel == "reference":
        return Engine(None, False, "neurons: reference scans with automatic differentiation (compute.kernel: reference)")
    if kernel == "lean":
        return Engine(scans, False, "neurons: lean scans in torch operations (compute.kernel: lean)")
    events = kernel == "events" or (kernel == "auto" and precision == "bf16")
    dense_why = events_why = "compiled kernels are for CPUs"
    if device == "cpu":
        dense_why = _trouble(load_library)
        events_why = dense_why or (_trouble(load_events) if events else "")
    why = events_why if kernel == "events" else dense_why
    if why and kernel in ("fused", "events"):
        raise UserError(f"params.yaml: compute.kernel is {kernel} but {why}; change that, or use kernel: auto")
    if dense_why:
        return Engine(scans, False, f"neurons: lean scans in torch operations ({dense_why})")
    if not events:
        return Engine(fused_scans, False, "neurons: compiled kernels")
    if events_why:
        return Engine(fused_scans, False, f"neurons: compiled kernels; dense synapses ({events_why})")
    return Engine(fused_scans, True, "neurons: compiled kernels; spikes drive the synapses")


def _trouble(load: Callable[[], object]) -> str:
    """Why `load` finds no kernels; empty where it does."""
    try:
        load()
    except KernelsUnavailable as error:
        return str(error)
    return ""
