"""What computes synapses and neurons: the readable reference under automatic differentiation, or faster ways to the same."""

from types import ModuleType
from typing import Literal, NamedTuple

from pipeline.errors import UserError
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


def choose_engine(kernel: Kernel, device: str, precision: str = "32") -> Engine:
    """The engine for `compute.kernel` on a device in a precision.

    `auto` takes compiled kernels on CPUs, in bf16 with event-driven synapses; in float32 it keeps the order of the
    reference's sums.

    Raises:
        UserError: `fused` or `events` was asked for where it cannot be had.
    """
    if kernel == "reference":
        return Engine(None, False, "neurons: reference scans with automatic differentiation (compute.kernel: reference)")
    if kernel == "lean":
        return Engine(scans, False, "neurons: lean scans in torch operations (compute.kernel: lean)")
    events = kernel == "events" or (kernel == "auto" and precision == "bf16")
    why = "compiled kernels are for CPUs" if device != "cpu" else ""
    if not why:
        try:
            load_library()
            if events:
                load_events()
            return Engine(fused_scans, events, f"neurons: compiled kernels{'; spikes drive the synapses' if events else ''}")
        except KernelsUnavailable as error:
            why = str(error)
    if kernel in ("fused", "events"):
        raise UserError(f"params.yaml: compute.kernel is {kernel} but {why}; install a C++ compiler, or use kernel: auto")
    return Engine(scans, False, f"neurons: lean scans in torch operations ({why})")
