"""`python -m benchmarks.activity`: what event-driven synapses bring, by how often neurons fire.

The training step of `benchmarks.networks` with the same weights and images, once with spikes driving the synapses and
once with dense ones (`compute.kernel: fused`), alternating in one process. The gain of the initial weights sets how
often neurons fire. Writes reports/benchmark/activity.json and activity.md.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.agreement import own_spikes
from benchmarks.networks import CPU, NETWORKS, HostFeed, build, random_labels, random_spikes, resnet9, training_step
from benchmarks.run import machine, positive
from pipeline.base.files import write_json, write_text
from pipeline.training.feed import time_major

FOLDER = Path("reports/benchmark")
GAINS = (1.0, 0.8, 0.6)
STEPS, BATCH, MICRO = 25, 64, 16


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.activity", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=positive, default=5, help="measurements of each cell (default 5)")
    parser.add_argument("--output", type=Path, default=FOLDER, help=f"folder of the results (default {FOLDER})")
    options = parser.parse_args(arguments)
    rows = [compare(network, gain, options.repeats) for network in NETWORKS for gain in GAINS]
    write_json(options.output / "activity.json", {"machine": machine(), "rows": rows})
    write_text(options.output / "activity.md", text(rows))
    print(text(rows))


def compare(network: str, gain: float, repeats: int) -> dict[str, Any]:
    """Mean firing rate over all neurons, and images/s of both ways with the ratio repeat by repeat."""
    keys, host, label = NETWORKS[network], random_spikes(BATCH, STEPS), random_labels(BATCH)
    kernels = {
        name: resnet9(STEPS, MICRO, kernel=kernel, gain=gain) for name, kernel in (("events", "events"), ("dense", "fused"))
    }
    found, *_ = own_spikes(build(kernels["dense"], keys), time_major(host[:4], CPU, torch.bfloat16))
    fired, neurons = (sum(value(layer) for layer in found.values()) for value in (torch.Tensor.sum, torch.Tensor.numel))
    steps = {name: training_step(params, build(params, keys), HostFeed(host), label, BATCH) for name, params in kernels.items()}
    speeds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            before = time.perf_counter()
            step(0)
            if repeat:  # the first warms up
                speeds[name].append(BATCH / (time.perf_counter() - before))
    ratios = [own / dense for own, dense in zip(speeds["events"], speeds["dense"], strict=True)]
    return {
        "network": network, "gain": gain, "firing_rate": float(fired / neurons), "images_per_s": median(speeds["events"]),
        "images_per_s_dense": median(speeds["dense"]), "ratio": median(ratios), "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }  # fmt: skip


def text(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Event-driven synapses beside dense ones, in training", "",
        f"Machine: {machine()}. T = {STEPS}, batch {BATCH}, bf16. The firing rate is spikes per neuron and step at the first "
        "weights.", "",
        "| network | gain of the weights | firing rate | images/s, events | images/s, dense | events over dense | min to max |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['gain']} | {row['firing_rate']:.3f} | {row['images_per_s']:.1f} | "
            f"{row['images_per_s_dense']:.1f} | {row['ratio']:.2f} | {row['ratio_min']:.2f} to {row['ratio_max']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
