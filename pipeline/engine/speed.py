"""Which of two ways is faster: measured once per kind of processor and version of torch, then kept in a file."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress

import torch

from pipeline.neuron.fused.library import cache_folder, processor

ROUNDS = 5
MARGIN = 1.15
"""How much faster the second way must be: where both are about as fast the choice does not hang on noise."""


def faster_by_margin(name: str, ratio: Callable[[], float]) -> bool:
    """Whether `ratio()` exceeds MARGIN: what it was when `name` was first asked for on such a processor, or, where that cannot be
    kept, what it is for this process. Of processes that ask at once the first decides for all."""
    found: float | None = None
    key = hashlib.sha256(f"{processor()} {torch.__version__}".encode()).hexdigest()[:24]
    try:
        path = cache_folder() / f"{name}-{key}.json"
        if not path.exists():
            found = ratio()
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError), path.open("x") as file:
                json.dump({"ratio": found}, file)
        found = float(json.loads(path.read_text())["ratio"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):  # no home, a full disk, a damaged file
        found = ratio() if found is None else found
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
