"""The text and the figure of BlocTrain beside end-to-end training."""

from pathlib import Path
from typing import Any

from pipeline.analysis.plot import DPI, METHOD_COLOURS, METHOD_MARKERS, PAPER, legend, new_figure, style
from pipeline.base.files import write_text

LABELS = {"bloctrain": "BlocTrain, largest block", "end_to_end": "end to end"}


def write_reports(folder: Path, summary: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "methods.md", _text(summary))
    _figure(folder / "memory_by_depth.png", summary["by_depth"])


def _text(summary: dict[str, Any]) -> str:
    epoch = summary["epoch"]
    seconds = epoch["seconds"]
    lines = [
        "# BlocTrain beside end-to-end training", "", f"Machine: {summary['machine']}.", "",
        f"## Time per epoch of {epoch['images']} images (T = {epoch['steps']}, batch {epoch['batch']}, {epoch['precision']})", "",
        "| inputs of blocks 2 and 3 | block 3 trains on | block 1 | block 2 | block 3 | sum | end to end | sum over end to end | "
        "min to max |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for ratio in epoch["bloctrain_over_end_to_end"].values():
        source, share = ratio["source"], ratio["share"]
        parts = [seconds["b1"], seconds[f"b2_{source}"], share * seconds[f"b3_{source}"]]
        cells = " | ".join(f"{part:.2f} s" for part in [*parts, sum(parts), seconds["end_to_end"]])
        band = f"{ratio['min']:.2f} to {ratio['max']:.2f}"
        lines.append(f"| {source} | {share:.0%} of the images | {cells} | {ratio['median']:.2f} | {band} |")
    made = sum(epoch["feature_seconds"].values())
    lines += [
        "", f"The paper reports {summary['paper_slowdown']} (recomputed), with 3 of 10 classes hard at block 3. Making "
        "the cached features of blocks 1 and 2 takes "
        f"{made:.2f} s once per noise realisation, which the table leaves out.", "", "## Memory by depth", "",
        "| blocks | method | peak MB | above start MB | saved MB per image | the paper's accounting |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in summary["by_depth"]:
        above = row["peak_rss_mb"] - row["start_rss_mb"]
        lines.append(
            f"| {row['depth']} | {LABELS[row['method']]} | {row['peak_rss_mb']:.0f} | {above:.0f} | "
            f"{row['saved_bytes_per_image'] / 1e6:.2f} | {row['paper_bytes_per_image'] / 1e6:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _figure(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saved bytes per image with the paper's accounting beside them, and peak memory of the process."""
    with style():
        figure, (saved, peak) = new_figure(2, 1, height=3.9)
        for method, label in LABELS.items():
            mine = [row for row in rows if row["method"] == method]
            depth = [row["depth"] for row in mine]
            look: dict[str, Any] = {"color": METHOD_COLOURS[method], "marker": METHOD_MARKERS[method]}
            saved.plot(depth, [row["saved_bytes_per_image"] / 1e6 for row in mine], label=f"{label}, measured", **look)
            counted: dict[str, Any] = {**PAPER, "color": METHOD_COLOURS[method]}
            saved.plot(
                depth, [row["paper_bytes_per_image"] / 1e6 for row in mine], label=f"{label}, paper's accounting", **counted
            )
            peak.plot(depth, [row["peak_rss_mb"] for row in mine], **look)
        saved.set_ylabel("MB saved per image")
        peak.set_ylabel("peak resident MB")
        for axis in (saved, peak):
            axis.set_ylim(0, 1.08 * axis.dataLim.ymax)
            axis.set_xticks(sorted({row["depth"] for row in rows}))
        peak.set_xlabel("blocks")
        legend(figure, [saved], columns=1)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
