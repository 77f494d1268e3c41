"""gpu.json as tables for people: reports/benchmark/gpu.md."""

from typing import Any


def as_markdown(found: dict[str, Any]) -> str:
    """Every part that was measured; a part that failed says why."""
    device = found.get("machine", {})
    parts = [f"# On a GPU: {device.get('device', 'unknown')}", "", "Made by `python -m benchmarks.gpu_check` (`make gpu-check`)."]
    if "copy_gb_per_s" in device:
        parts.append(
            f"Copies {device['copy_gb_per_s']:.0f} GB/s (read and written), multiplies bfloat16 matrices at "
            f"{device['bf16_tflops']:.0f} TFLOP/s; torch {device['torch']}."
        )
    for name, write in WRITERS.items():
        if name in found:
            trouble = found[name].get("trouble") if isinstance(found[name], dict) else None
            parts += ["", f"## {TITLES[name]}", "", trouble or write(found)]
    return "\n".join(parts) + "\n"


def _throughput(found: dict[str, Any]) -> str:
    rows = [
        ["network", "steps", "how", "images/s", "over SpikingJelly", "share of the synapses' rate", "peak GB", "kept MB/image"]
    ]
    peers = found.get("spikingjelly", [])
    for row in [*found["throughput"], *(peers if isinstance(peers, list) else [])]:
        best, own, rate = _best(peers, row), "bloctrain" in row.get("how", ""), row.get("images_per_s")
        rows.append([
            row.get("network", ""), row.get("steps", ""), row["how"] if own else f"SpikingJelly, {row.get('how', '')}",
            row.get("trouble") or f"{rate:.1f}", f"{rate / best:.2f}x" if own and best and rate else "",
            _number(row.get("share_of_synapses")), _number(row.get("peak_gb")), _number(row.get("saved_mb_per_image")),
        ])  # fmt: skip
    return _table(rows)


def _best(peers: Any, row: dict[str, Any]) -> float:
    size = row.get("network"), row.get("steps")
    known = [peer for peer in peers if isinstance(peers, list) and "images_per_s" in peer]
    return max((peer["images_per_s"] for peer in known if (peer["network"], peer["steps"]) == size), default=0.0)


def _agreement(found: dict[str, Any]) -> str:
    rows = [["precision", "least equal spikes", "in layer", "least cosine of a gradient", "logits differ by", "of"]]
    for row in found["agreement"]:
        least = min(row["equal_spikes"], key=row["equal_spikes"].get)
        rows.append([
            row["precision"], f"{100 * row['equal_spikes'][least]:.4f} %", least, f"{min(row['gradient_cosine'].values()):.5f}",
            f"{row['logit_difference']:.2g}", f"{row['logit_range']:.3g}",
        ])  # fmt: skip
    return _table(rows)


def _epochs(found: dict[str, Any]) -> str:
    rows = [["experiment", "method", "minutes per epoch", "hours for 125 epochs"]]
    for name, one in found["epochs"].items():
        for method, hours in one["hours_for_125_epochs"].items():
            rows.append([name, method, f"{60 * hours / 125:.2f}", f"{hours:.1f}"])
    return _table(rows) + "\nAt T = 100, full width, in bf16; end to end at full depth only."


def _digits(found: dict[str, Any]) -> str:
    one = found["digits"]
    outside = f"; outside: {', '.join(one['outside'])}" if one["outside"] else ""
    return f"{one['in_band']} of {one['checked']} numbers of the digits experiment lie in their bands{outside}."


def _kernels(found: dict[str, Any]) -> str:
    return "\n".join(f"    {line}" for line in found["kernels"]["tail"])


def _table(rows: list[list[Any]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


WRITERS = {"throughput": _throughput, "agreement": _agreement, "epochs": _epochs, "digits": _digits, "kernels": _kernels}
TITLES = {
    "throughput": "Training", "agreement": "Agreement with the reference on the CPU (float32)",
    "epochs": "The paper's experiments", "digits": "Digits", "kernels": "Tests of the kernels",
}  # fmt: skip
