"""BlocTrain (Srinivasan and Roy 2021): block-wise training and early-exit inference of deep spiking networks.

The packages follow the data flow, and imports point back along it only: base -> data -> encoding -> neuron -> engine ->
network -> training -> partition -> inference -> accounting -> predict -> config -> analysis -> reporting. Each package owns the
parameters that it reads (its params.py), and config puts all of them together. Spike trains are `[T, B, C, H, W]`, time-major,
everywhere.

`Run(folder)` loads a finished run and predicts with it.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.predict.run import Run

__all__ = ["Run"]

# Idle threads of an OpenMP pool sleep after some 20 microseconds instead of spinning: as fast on an idle machine, and many
# times faster where something else runs too. The runtime reads this when it is loaded, so it must be set before torch is.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def __getattr__(name: str) -> Any:
    """`Run`, loaded when it is first asked for: a stage that needs no torch loads none."""
    if name == "Run":
        return importlib.import_module("pipeline.predict.run").Run
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
