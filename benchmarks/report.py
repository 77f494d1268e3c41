"""The table, the ratios and the figure of a throughput run."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agreement import sentences
from benchmarks.peers import PEERS, UNTUNED
from pipeline.analysis.plot import DPI, OKABE_ITO, legend, new_figure, style
from pipeline.base.files import write_text

Row = dict[str, Any]
COLOURS = {"bloctrain": OKABE_ITO["blue"], "bloctrain-float32": OKABE_ITO["sky"], "spikingjelly": OKABE_ITO["orange"],
           "snntorch": OKABE_ITO["green"], "norse": OKABE_ITO["purple"]}  # fmt: skip
LABELS = {"bloctrain": "this project", "bloctrain-float32": "this project, float32", "spikingjelly": "SpikingJelly",
          "snntorch": "snnTorch", "norse": "Norse"}  # fmt: skip


def write_table(path: Path, rows: list[Row], agreement: list[Row], skipped: Sequence[tuple[Row, str]]) -> None:
    """Medians, spread and ratios as markdown."""
    lines = ["# Throughput and memory, this project and its peers in one run", ""]
    if rows:
        known = ", ".join(f"{name} {number}" for name, number in rows[0]["versions"].items())
        lines.append(f"Machine: {rows[0]['machine']}. Commit {rows[0]['commit']}; {known}.")
    lines += ["", "## Targets", "", *(targets(rows) or ["No target could be computed from the cells measured."]), ""]
    lines += [*ratio_table(rows), ""]
    lines += ["## Same spikes from the same weights?", "", *sentences(agreement), "", "## Measurements", ""]
    lines += [
        "Medians; min to max over the repeats; `x` is this project's images/s over the row's. `convolutions` is this network's "
        "synaptic operations alone, dense in bf16; event-driven synapses skip silent inputs, so more than that rate can be had. "
        "Saved bytes are what autograd keeps for backward, weights left out. Peak memory "
        "includes the program itself (about 0.8 GB).", "",
        "| network | T | batch | mode | implementation | images/s | min to max | repeats | x | peak MB | saved MB/image | "
        "configuration |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        ours = find(rows, "bloctrain", row["network"], row["steps"], row["batch"], row["mode"])
        ratio = f"{ours['images_per_s'] / row['images_per_s']:.2f}" if ours else ""
        saved = "" if row["saved_bytes_per_image"] is None else f"{row['saved_bytes_per_image'] / 1e6:.2f}"
        lines.append(
            f"| {row['network']} | {row['steps']} | {row['batch']} | {row['mode']} | {row['implementation']} | "
            f"{row['images_per_s']:.1f} | {row['images_per_s_min']:.1f} to {row['images_per_s_max']:.1f} | {row['repeats']} | "
            f"{ratio} | {row['peak_rss_mb']:.0f} | {saved} | {row['configuration']} |"
        )
    if missing := not_measured(rows, skipped):
        lines += ["", "## Not measured", "", *missing]
    write_text(path, "\n".join(lines) + "\n")


RATIOS = (
    ("training, peers at the same batch", "train", True, ""),
    ("training, each peer's better batch", "train", False, ""),
    ("training, peers in torch's default settings (float32), same batch", "train", True, UNTUNED),
    ("inference, peers at the same batch", "infer", True, ""),
    ("inference, each peer's better batch", "infer", False, ""),
)


def ratio_table(rows: list[Row], batch: int = 64) -> list[str]:
    """This project's images/s at one batch over the fastest peer's, one column per network and T."""
    columns = sorted({(row["steps"], row["network"]) for row in rows})
    lines = [
        f"## Images per second at batch {batch} over the fastest peer's", "",
        "| | " + " | ".join(f"{network}, T = {steps}" for steps, network in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]  # fmt: skip
    for label, mode, same_batch, suffix in RATIOS:
        cells = []
        for steps, network in columns:
            ours = find(rows, "bloctrain", network, steps, batch, mode)
            peers = [
                row["images_per_s"] for row in rows
                if row["implementation"] in [peer + suffix for peer in PEERS] and row["network"] == network
                and row["steps"] == steps and row["mode"] == mode and (row["batch"] == batch or not same_batch)
            ]  # fmt: skip
            cells.append(f"{ours['images_per_s'] / max(peers):.1f}x" if ours and peers else "")
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "With T = 100 no peer was compiled: its unrolled loop takes many minutes. Settings were sought on the first block.",
    ]
    return lines


def not_measured(rows: list[Row], skipped: Sequence[tuple[Row, str]]) -> list[str]:
    """A line per cell and reason, with the implementations that have no measurement there at all."""
    names: dict[tuple[str, str], list[str]] = {}
    for order, reason in skipped:
        if find(rows, *(order[key] for key in ("implementation", "network", "steps", "batch", "mode"))):
            continue
        cell = f"{order['network']}, T = {order['steps']}, batch {order['batch']}, {order['mode']}"
        known = names.setdefault((cell, reason), [])
        known += [] if order["implementation"] in known else [order["implementation"]]
    return [f"- {cell}: {', '.join(known)} ({reason})" for (cell, reason), known in names.items()]


def find(rows: list[Row], name: str, network: str, steps: int, batch: int, mode: str) -> Row | None:
    wanted = (name, network, steps, batch, mode)
    return next((r for r in rows if (r["implementation"], r["network"], r["steps"], r["batch"], r["mode"]) == wanted), None)


def targets(rows: list[Row], steps: int = 25, batch: int = 64) -> list[str]:
    """One line per target: against the best peer at this batch and at its own best, the rate's share, memory."""
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        ours = find(rows, "bloctrain", network, steps, batch, "train")
        peers = [r for r in rows if r["implementation"] in PEERS and r["network"] == network and r["mode"] == "train"
                 and r["steps"] == steps]  # fmt: skip
        if ours is None:
            continue
        for label, among in (("at the same batch", [r for r in peers if r["batch"] == batch]), ("at its own best batch", peers)):
            if among:
                best = max(among, key=lambda row: row["images_per_s"])
                lines.append(
                    f"- {network}, T = {steps}, training at batch {batch}: {ours['images_per_s']:.1f} images/s, "
                    f"**{ours['images_per_s'] / best['images_per_s']:.2f}x** the best peer {label} "
                    f"({LABELS[best['implementation']]}, batch {best['batch']}, {best['images_per_s']:.1f} images/s); "
                    f"{_paired(ours, best)}"
                )
        rate = find(rows, "convolutions", network, steps, batch, "train")
        if rate:
            share = ours["images_per_s"] / rate["images_per_s"]
            lines.append(
                f"- {network}, share of the bf16 convolution rate ({rate['images_per_s']:.0f} images/s): **{100 * share:.0f}%**"
            )
        against = f"{ours['saved_bytes_per_image'] / 1e6:.2f} MB saved for backward per image"
        paper = ours["saved_bytes_per_image"] / ours["paper_bytes_per_image"]
        against += f", **{paper:.2f}x** the paper's accounting ({ours['paper_bytes_per_image'] / 1e6:.2f} MB)"
        if peers:
            least = min(peers, key=lambda row: row["saved_bytes_per_image"])
            against += (f" and **{ours['saved_bytes_per_image'] / least['saved_bytes_per_image']:.2f}x** the best peer's "
                        f"({LABELS[least['implementation']]}, {least['saved_bytes_per_image'] / 1e6:.2f} MB)")  # fmt: skip
        lines.append(f"- {network}, T = {steps}: {against}")
    return lines


def _paired(ours: Row, other: Row) -> str:
    """The ratio repeat by repeat: what drifts over a run cancels."""
    mine, theirs = ours["images_per_s_by_repeat"], other["images_per_s_by_repeat"]
    ratios = [mine[repeat] / theirs[repeat] for repeat in mine if repeat in theirs]
    if not ratios:
        return "not measured in the same repeat"
    return f"by repeat {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}"


def write_figure(folder: Path, rows: list[Row]) -> None:
    """Training and inference speed and peak memory in training, by network, steps and batch."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    panels = [("images_per_s", "train", "training images/s"), ("images_per_s", "infer", "inference images/s"),
              ("peak_rss_mb", "train", "peak MB in training")]  # fmt: skip
    # A panel compares: one implementation alone (where time ran out) is left to the table.
    beside = {mode: {row["implementation"] for row in rows if row["mode"] == mode} & set(COLOURS) for mode in ("train", "infer")}
    alone = len({row["implementation"] for row in rows} & set(COLOURS)) == 1
    panels = [panel for panel in panels if len(beside[panel[1]]) > 1 or (alone and beside[panel[1]])]
    with style():
        figure, axes = new_figure(len(panels), len(networks), height=1.9 * len(panels))
        figure.set_figwidth(3.4 * max(len(networks), 1.4))
        for index, axis in enumerate(axes):
            (value, mode, label), network = panels[index // len(networks)], networks[index % len(networks)]
            shown = [
                row for row in rows if row["network"] == network and row["mode"] == mode and row["implementation"] in COLOURS
            ]
            cells = sorted({(row["steps"], row["batch"]) for row in shown})
            names = [name for name in COLOURS if any(row["implementation"] == name for row in rows)]
            width = 0.8 / max(len(names), 1)
            for position, name in enumerate(names):
                shift = (position - (len(names) - 1) / 2) * width
                found = [(i, find(rows, name, network, *cell, mode)) for i, cell in enumerate(cells)]
                bars = [(i + shift, row) for i, row in found if row]
                heights = [row[value] for _, row in bars]
                errors = None
                if value == "images_per_s":
                    errors = [[h - row["images_per_s_min"] for h, (_, row) in zip(heights, bars, strict=True)],
                              [row["images_per_s_max"] - h for h, (_, row) in zip(heights, bars, strict=True)]]  # fmt: skip
                axis.bar([x for x, _ in bars], heights, width * 0.92, label=LABELS[name], color=COLOURS[name], yerr=errors,
                         error_kw={"elinewidth": 0.7})  # fmt: skip
            axis.set_xticks(range(len(cells)), [f"T {steps}\nbatch {batch}" for steps, batch in cells])
            axis.grid(visible=False, axis="x")
            axis.set_ylabel(label)
            if index < len(networks):
                axis.set_title(network)
        legend(figure, axes, columns=3)
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / "throughput.png", dpi=DPI, metadata={"Software": None})
