"""Which of two ways is faster on this processor: measured once per machine and version of torch, then kept in a file."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress

import torch

from pipeline.base.files import write_json
from pipeline.neuron.fused.library import cache_folder, processor

ROUNDS = 5
MARGIN = 1.15
"""How much faster the second way must be: where both are about as fast the choice does not hang on noise."""


def faster_by_margin(name: str, ratio: Callable[[], float]) -> bool:
    """Whether `ratio()` exceeds MARGIN: what it was when this machine was first asked for `name`, or, where that cannot be kept,
    what it is for this process."""
    key = hashlib.sha256(f"{processor()} {torch.__version__}".encode()).hexdigest()[:24]
    file = f"{name}-{key}.json"
    try:
        found = float(json.loads((cache_folder() / file).read_text())["ratio"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):  # not measured yet, no home, a damaged file
        found = ratio()
        with suppress(OSError, RuntimeError):  # no home, a full disk
            write_json(cache_folder() / file, {"ratio": found})
    return found > MARGIN


def time_ratio(first: Callable[[], object], second: Callable[[], object]) -> float:
    """The time of the first over that of the second; each the best of ROUNDS, in turns, after one that warms up."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS + 1):
        for number, way in enumerate((first, second)):
            began = time.perf_counter()
            way()
            best[number] = min(best[number], time.perf_counter() - began)
    return best[0] / best[1]
