"""Measurements in fresh processes, within a time budget and the free memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import PEERS
from pipeline.base import machine as this

ROOT = Path(__file__).parents[1]
STARTUP, TRACING, COMPILING = 6.0, 20.0, 100.0
"""Seconds that a process needs before it measures: imports, data; torch.compile with a warm and with a cold cache."""


class Runner:
    """Runs measurements, remembers their rates, and refuses what will not fit the time or the memory left."""

    def __init__(self, budget_seconds: float, seconds: float):
        self.started, self.budget, self.seconds = time.perf_counter(), budget_seconds, seconds
        self.rates: dict[tuple[str, ...], float] = {}
        self.saved: dict[tuple[str, ...], float] = {}
        self.compiled: set[tuple[str, ...]] = set()
        self.skipped: list[tuple[dict[str, Any], str]] = []

    @property
    def left(self) -> float:
        return self.budget - (time.perf_counter() - self.started)

    @contextmanager
    def limited_to(self, share: float) -> Iterator[None]:
        """Within, only this share of the whole time may be used up."""
        whole = self.budget
        self.budget = share * whole
        try:
            yield
        finally:
            self.budget = whole

    def run(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """The measured row, or None with the reason in `skipped`."""
        name = describe(order)
        needed, memory = self._expected_seconds(order), self._expected_bytes(order)
        if needed > self.left:
            return self._skip(order, "no time left")
        if memory > 0.85 * free_bytes():
            return self._skip(order, f"would need about {memory / 1e9:.1f} GB and {free_bytes() / 1e9:.1f} GB are free")
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.measure", json.dumps(order | {"seconds": self.seconds})]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=self.left + 60, cwd=ROOT)
        except subprocess.TimeoutExpired:
            return self._skip(order, "took longer than the time left")
        if done.returncode:
            return self._skip(order, f"failed ({(done.stderr.strip().splitlines() or ['killed, out of memory?'])[-1]})")
        row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        if row["threads"] != torch.get_num_threads():
            return self._skip(order, f"ran on {row['threads']} threads, where all are to have {torch.get_num_threads()}")
        if order["configuration"].get("compile"):
            self.compiled.add(_compiled_key(order))
        work = order["steps"]
        key = (order["implementation"], order["network"], order["mode"])
        self.rates[key] = row["images_per_s"] * work
        if row["saved_bytes_per_image"]:
            self.saved[key[:2]] = row["saved_bytes_per_image"] / work
        print(f"[{self.left / 60:5.1f} min left] {name}: {row['images_per_s']:.1f} images/s, "
              f"peak {row['peak_rss_mb']:.0f} MB", flush=True)  # fmt: skip
        return row

    def _expected_seconds(self, order: dict[str, Any]) -> float:
        """Start-up, a warm-up step and at least two timed steps, from the rate known for this or a smaller network."""
        name, network, mode = order["implementation"], order["network"], order["mode"]
        rate = self.rates.get((name, network, mode)) or self.rates.get((name, network, "train"))
        if rate is None and (smaller := self.rates.get((name, "resnet9-block1", "train"))):
            rate = smaller / 2.5
        startup = STARTUP
        if order["configuration"].get("compile"):
            startup += COMPILING if _compiled_key(order) not in self.compiled else TRACING
        if rate is None:
            return startup
        step = order["batch"] * order["steps"] / rate
        return startup + 3 * step + max(0, self.seconds - 2 * step)

    def _expected_bytes(self, order: dict[str, Any]) -> float:
        """1 GB for the program, and twice what is saved for backward (its gradients live at the same time)."""
        known = self.saved.get((order["implementation"], order["network"]))
        if known is None and (smaller := self.saved.get((order["implementation"], "resnet9-block1"))):
            known = smaller * 1.6
        images = min(order["batch"], order["configuration"].get("micro_batch", order["batch"]))
        return 1e9 + 2.0 * (known or 2e5) * order["steps"] * images * (1 if order["mode"] == "train" else 0.5)

    def _skip(self, order: dict[str, Any], reason: str) -> dict[str, Any] | None:
        self.skipped.append((order, reason))
        print(f"skipped: {describe(order)}: {reason}", flush=True)
        return None


def _compiled_key(order: dict[str, Any]) -> tuple[str, ...]:
    """Compiled code is for one shape; the compiler keeps it on disk for later processes."""
    return tuple(str(order[name]) for name in ("implementation", "network", "steps", "batch", "mode"))


def describe(order: dict[str, Any]) -> str:
    how = ", ".join(describe_configuration(order["configuration"]))
    return f"{order['implementation']} {order['network']} T={order['steps']} B={order['batch']} {order['mode']} ({how})"


def describe_configuration(how: dict[str, Any]) -> list[str]:
    words = ["bf16" if how["precision"] == "bf16" else "float32"]
    if "micro_batch" in how:
        words.append(f"micro-batches of {how['micro_batch']}")
    if "channels_last" in how:
        words.append("channels last" if how["channels_last"] else "contiguous")
    if how.get("keep_freed_memory"):
        words.append("freed memory kept")
    if how.get("compile"):
        words.append("neurons by torch.compile")
    return words


def free_bytes() -> float:
    """Memory that can be had without swapping."""
    info = Path("/proc/meminfo")
    if info.exists():
        line = next(line for line in info.read_text().splitlines() if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def commit() -> str:
    """The commit measured, with a + where files differ from it; empty outside git."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Of torch and the peers that are installed."""
    found = {}
    for name in ("torch", *PEERS):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def positive(text: str) -> int:
    """A command line's whole number from 1 up."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def machine() -> str:
    """Processor, threads, memory and the versions that decide the speed."""
    here = this.machine()
    threads = torch.get_num_threads()
    return f"{here['processor']}, {threads} threads, {here['memory_gib']} GiB, torch {torch.__version__}, {here['system']}"
