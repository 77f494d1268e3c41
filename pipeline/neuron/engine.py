"""Which scans run: the readable reference under automatic differentiation, or the lean ones, compiled where possible."""

from types import ModuleType
from typing import Literal

from pipeline.errors import UserError
from pipeline.neuron import scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.fused.library import KernelsUnavailable, load_library

Kernel = Literal["auto", "reference", "lean", "fused"]


def choose_scans(kernel: Kernel, device: str) -> tuple[ModuleType | None, str]:
    """The module of scans to use (None for the reference), and one line that says which and why.

    Raises:
        UserError: `fused` was asked for where it cannot be had.
    """
    if kernel == "reference":
        return None, "neurons: reference scans with automatic differentiation (compute.kernel: reference)"
    if kernel == "lean":
        return scans, "neurons: lean scans in torch operations (compute.kernel: lean)"
    why = "compiled kernels are for CPUs" if device != "cpu" else ""
    if not why:
        try:
            load_library()
            return fused_scans, "neurons: compiled kernels"
        except KernelsUnavailable as error:
            why = str(error)
    if kernel == "fused":
        raise UserError(f"params.yaml: compute.kernel is fused but {why}; install a C++ compiler, or use kernel: auto")
    return scans, f"neurons: lean scans in torch operations ({why})"
