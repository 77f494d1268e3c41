"""Wall time of early-exit inference beside the end-to-end network: same images, same chunks, alternating in one run."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def measure_alternating(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, `repeats` times in turns after one unmeasured round."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, call in contenders.items():
            started = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def speedups(seconds: dict[str, list[float]], reference: str) -> dict[str, float]:
    """Median seconds of the reference over those of each other contender; nothing where the reference was not run."""
    if reference not in seconds:
        return {}
    return {name: median(seconds[reference]) / median(own) for name, own in seconds.items() if name != reference}
