"""gpu.json and gpu_train.json as tables for people: `python -m benchmarks.gpu_table` writes reports/benchmark/gpu.md anew."""

from pathlib import Path
from typing import Any

from pipeline.base.files import read_json, write_text

FOLDER = Path("reports/benchmark")


def write_page(folder: Path) -> str:
    """Both files of a folder, where they are there, as its gpu.md; the text.

    Raises:
        UserError: a file is damaged.
    """
    found: dict[str, Any] = {"gpu": {}, "gpu_train": {}}
    found |= {name: read_json(folder / f"{name}.json") for name in found if (folder / f"{name}.json").exists()}
    text = as_markdown(found["gpu"])
    if found["gpu_train"]:
        text += "\n" + training_markdown(found["gpu_train"])
    write_text(folder / "gpu.md", text)
    return text


def training_markdown(summary: dict[str, Any]) -> str:
    """What `benchmarks.gpu_train` came to: block by block, with the epochs that there was time for."""
    params = summary["parameters"]
    training, experiment = params["training"], params["experiment"]
    rows = [
        ["blocks", "classes", "images", "epochs", "train accuracy", "test accuracy of the network so far", "seconds per epoch"]
    ]
    for number, (key, one) in enumerate(summary["blocks"].items()):
        taken = sorted(one["seconds_per_epoch"])[len(one["seconds_per_epoch"]) // 2]
        rows.append([
            key, one["classes"], one["images"], one["epochs"], f"{100 * one['train_accuracy']:.1f} %",
            f"{100 * summary['accuracy_by_depth'][number]:.1f} %", f"{taken:.1f}",
        ])  # fmt: skip
    minutes = sum(one["train_seconds"] + one["forward_seconds"] for one in summary["blocks"].values()) / 60
    left = ", ".join(f"{100 * share:.1f} % at b{number}" for number, share in enumerate(summary["exits"], start=1))
    return "\n".join([
        f"## {experiment}, trained for {minutes:.1f} minutes", "",
        f"Made by `python -m benchmarks.gpu_train` on {summary['device']}; the paper trains 125 epochs. T = "
        f"{params['encoding']['time_steps']}, schedule {training['schedule']}, augmentation {training['augmentation']}, dropout "
        f"{training['dropout']}, hardness threshold {params['partition']['threshold']['mode']} "
        f"{params['partition']['threshold']['value']}. Test images leave: {left}.", "", _table(rows), "",
    ])  # fmt: skip


def as_markdown(found: dict[str, Any]) -> str:
    """Every part that was measured; a part that failed says why."""
    device = found.get("machine", {})
    parts = [f"# On a GPU: {device.get('device', 'unknown')}", "", "Made by `python -m benchmarks.gpu_check` (`make gpu-check`)."]
    if "copy_gb_per_s" in device:
        parts.append(
            f"Copies {device['copy_gb_per_s']:.0f} GB/s (read and written), multiplies bfloat16 matrices at "
            f"{device['bf16_tflops']:.0f} TFLOP/s; torch {device['torch']}."
        )
    measured = found.get("measured", {})
    days = {day: ", ".join(part for part in measured if measured[part] == day) for day in sorted(measured.values())}
    if days:
        parts.append("Measured " + "; ".join(f"on {day}: {names}" for day, names in days.items()) + ".")
    for name, write in WRITERS.items():
        if name in found:
            trouble = found[name].get("trouble") if isinstance(found[name], dict) else None
            parts += ["", f"## {TITLES[name]}", "", trouble or write(found)]
    return "\n".join(parts) + "\n"


def _throughput(found: dict[str, Any]) -> str:
    rows = [[
        "network", "steps", "how", "images/s", "over SpikingJelly's fastest", "share of the synapses' rate", "peak GB",
        "kept MB/image", "of SpikingJelly's",
    ]]  # fmt: skip
    peers = found.get("spikingjelly", [])
    peers = peers if isinstance(peers, list) else []
    for row in (row for row in [*found["throughput"], *peers] if "images_per_s" in row):
        own, rate, kept = "bloctrain" in row["how"], row["images_per_s"], row["saved_mb_per_image"]
        rivals = [peer for peer in peers if "images_per_s" in peer and own]
        rivals = [peer for peer in rivals if (peer["network"], peer["steps"]) == (row["network"], row["steps"])]
        best = max(rivals, key=lambda peer: peer["images_per_s"]) if rivals else None
        rows.append([
            row["network"], row["steps"], row["how"] if own else f"SpikingJelly, {row['how']}",
            f"{rate:.1f}", f"{rate / best['images_per_s']:.2f}x" if best else "",
            _number(row.get("share_of_synapses")), _number(row["peak_gb"]), _number(kept),
            f"{kept / best['saved_mb_per_image']:.2f}" if best else "",
        ])  # fmt: skip
    failed = {(row.get("how", ""), row["trouble"]) for row in [*found["throughput"], *peers] if "trouble" in row}
    why = [f"Not measured: {how}: {trouble}" for how, trouble in sorted(failed)]
    return "\n\n".join([_table(rows), *why])


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

if __name__ == "__main__":
    write_page(FOLDER)
