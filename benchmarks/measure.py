"""One measurement in a process of its own: `python -m benchmarks.measure '<json>'` prints a row as one line of JSON.

The process is fresh, so its peak resident memory is this measurement's alone.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.convolutions import convolutions_step
from benchmarks.networks import (
    CPU,
    LEARNING_RATE,
    NETWORKS,
    HostFeed,
    build,
    random_labels,
    random_spikes,
    resnet9,
    training_step,
)
from benchmarks.peers import neurons_of
from benchmarks.peers.common import PeerNetwork
from pipeline.accounting.measured import saved_bytes
from pipeline.config import Params
from pipeline.training.device import keep_freed_memory
from pipeline.training.feed import time_major

OWN = ("bloctrain", "bloctrain-float32")


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """images_per_s, peak_rss_mb, start_rss_mb, saved_bytes_per_image (training only), step_seconds, total_seconds, threads.

    `order` has implementation, network, steps, batch, mode, configuration, seconds (of timed steps, at least one).
    """
    started = time.perf_counter()
    keys, batch, steps, how = NETWORKS[order["network"]], order["batch"], order["steps"], order["configuration"]
    own = order["implementation"] in (*OWN, "convolutions")
    precision = how["precision"]
    params = resnet9(steps, how.get("micro_batch", 16), precision)
    host, label = random_spikes(batch, steps), random_labels(batch)
    if order["implementation"] == "convolutions":
        step, saved = convolutions_step(params, keys, batch), None
    elif own:
        step, saved = own_step(params, keys, host, label, order["mode"])
    else:
        step, saved = peer_step(order["implementation"], params, keys, host, label, order["mode"], how)
    start_rss = peak_rss_mb()
    times = _time(step, order["seconds"], 3 if how.get("compile") else 1)
    peak = peak_rss_mb()
    row = {name: order[name] for name in ("implementation", "network", "steps", "batch", "mode", "configuration")}
    return row | {
        "images_per_s": batch / median(times), "step_seconds": times, "peak_rss_mb": peak, "start_rss_mb": start_rss,
        "saved_bytes_per_image": saved() if saved and order["mode"] == "train" else None,
        "total_seconds": time.perf_counter() - started, "threads": torch.get_num_threads(),
    }  # fmt: skip


def _time(step: Callable[[], None], seconds: float, warm_up: int) -> list[float]:
    """Seconds of each step after `warm_up` others; compiled code may be compiled anew in its second step."""
    times: list[float] = []
    for _ in range(warm_up):
        step()
    while len(times) < 2 or (sum(times) < seconds and len(times) < 50):
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return times


def own_step(params: Params, keys: Sequence[str], host: np.ndarray, label: np.ndarray, mode: str):
    """One step of this project on host spikes int8 `[B, T, H, W, C]`, and what counts the bytes saved per image."""
    block = build(params, keys)
    dtype = block.engine.dtype
    feed = HostFeed(host)
    if mode == "train":
        train = training_step(params, block, feed, label, len(label))

        def step() -> None:
            train(0)

    else:
        keep_freed_memory()
        micro = params.compute.micro_batch

        def step() -> None:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                for start in range(0, len(host), micro):
                    block(time_major(host[start : start + micro], CPU, dtype))

    def forward(images: int) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            return block(time_major(host[:images], CPU, dtype)).logits

    return step, lambda: saved_bytes_per_image(forward, block, len(host))


def peer_step(
    name: str, params: Params, keys: Sequence[str], host: np.ndarray, label: np.ndarray, mode: str, how: dict[str, Any]
):
    """The same of a peer in the configuration `how`."""
    if how["keep_freed_memory"]:
        keep_freed_memory()
    peer = neurons_of(name)
    network = PeerNetwork(params, keys, build(params, keys), peer)
    if how["channels_last"]:
        network = network.to(memory_format=torch.channels_last)
    if how.get("compile"):
        _compile_neurons(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    target = torch.from_numpy(label)

    def forward(images: int) -> Tensor:
        peer.reset(network)
        spikes = time_major(host[:images], CPU, torch.float32)
        if not how["channels_last"]:
            spikes = spikes.contiguous()
        with torch.autocast("cpu", torch.bfloat16, enabled=how["precision"] == "bf16"):
            return network(spikes).float()

    def train() -> None:
        loss = nn.functional.cross_entropy(forward(len(host)), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def infer() -> None:
        with torch.inference_mode():
            forward(len(host))

    def saved() -> float:
        # Other batch sizes would compile anew, so a compiled network is measured at this one.
        if how.get("compile"):
            return _saved(forward, network, len(host)) / len(host)
        return saved_bytes_per_image(forward, network, len(host))

    return train if mode == "train" else infer, saved


def _compile_neurons(network: PeerNetwork) -> None:
    """torch.compile for every layer's neurons: the loop over time is unrolled and fused."""
    torch._dynamo.config.recompile_limit = 64
    for neurons in [*network.neurons, *([network.hidden_neurons] if network.hidden_neurons is not None else [])]:
        neurons.compile(dynamic=False)


def saved_bytes_per_image(forward: Callable[[int], Tensor], network: nn.Module, most: int) -> float:
    """Bytes that autograd keeps for backward for one more image: what two images keep over what one does.

    The difference leaves out weights and their casts. Each storage counts once.
    """
    few, many = 1, min(3, most)
    if many == few:
        return float(_saved(forward, network, 1))
    return (_saved(forward, network, many) - _saved(forward, network, few)) / (many - few)


def _saved(forward: Callable[[int], Tensor], network: nn.Module, images: int) -> int:
    return saved_bytes(network, lambda: nn.functional.cross_entropy(forward(images), torch.from_numpy(random_labels(images))))


def peak_rss_mb() -> float:
    """Peak resident memory of this process so far. Not ru_maxrss on Linux, which starts at the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
