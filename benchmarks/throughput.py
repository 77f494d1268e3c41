"""`python -m benchmarks.throughput`: this project and its peers side by side, alternating, in one run.

Writes reports/benchmark/throughput.json (one row per implementation, network, steps, batch and mode), throughput.md,
throughput.png and agreement.json. First it checks that all emit the same spikes, then it finds each
implementation's best configuration, in training and in inference, then it measures: training at T = 25, then the rest.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agreement import compare, sentences
from benchmarks.networks import NETWORKS, paper_bytes_per_image, resnet9
from benchmarks.peers import PEERS, UNTUNED, installed
from benchmarks.report import write_figure, write_table
from benchmarks.run import Runner, commit, describe_configuration, machine, positive, versions
from pipeline.base.files import write_json

FOLDER = Path("reports/benchmark")
OWN = ("bloctrain", "bloctrain-float32")
BLOCK, WHOLE = "resnet9-block1", "resnet9"
Cell = tuple[str, int, int, str]
FOCUS: list[Cell] = [(network, 25, batch, "train") for network in (BLOCK, WHOLE) for batch in (64, 16)]
OTHERS: list[Cell] = [
    (BLOCK, 25, 64, "infer"), (BLOCK, 25, 16, "infer"), (BLOCK, 100, 16, "train"), (BLOCK, 100, 64, "train"),
    (WHOLE, 25, 64, "infer"), (WHOLE, 25, 16, "infer"), (WHOLE, 100, 16, "train"), (BLOCK, 100, 16, "infer"),
    (BLOCK, 100, 64, "infer"), (WHOLE, 100, 16, "infer"), (WHOLE, 100, 64, "train"), (WHOLE, 100, 64, "infer"),
]  # fmt: skip
SMOKE: list[Cell] = [(BLOCK, 5, 4, "train"), (BLOCK, 5, 4, "infer")]
PEER_CANDIDATES: list[dict[str, Any]] = [
    {"precision": precision, "channels_last": last, "keep_freed_memory": True}
    for precision, last in (("32", False), ("32", True), ("bf16", True))
]
PEER_DEFAULT = {"precision": "32", "channels_last": False, "keep_freed_memory": False}
"""A peer in torch's default settings; measured beside its best configuration where training at T = 25 is."""
SETTINGS_SHARE = 0.5
"""Of --minutes, the most that the search for settings takes; what it does not reach keeps its first setting."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=positive, default=3, help="measurements of each cell (default 3)")
    parser.add_argument("--minutes", type=positive, default=90, help="time budget (default 90); what does not fit is skipped")
    parser.add_argument("--only", nargs="+", choices=[*OWN, *PEERS], help="implementations to measure (default: all installed)")
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile on the peers (minutes when cold)")
    parser.add_argument("--smoke", action="store_true", help="one repeat, batch 4, T = 5: does everything run?")
    parser.add_argument("--output", type=Path, default=FOLDER, help=f"folder of the results (default {FOLDER})")
    options = parser.parse_args(arguments)
    names = options.only or [*OWN, *installed()]
    if absent := [name for name in names if name in PEERS and name not in installed()]:
        parser.error(f"--only: {absent[0]} is not installed (pip install -e '.[benchmark]')")
    if options.output.exists() and not options.output.is_dir():
        parser.error(f"--output: {options.output} is not a folder")
    for missing in [peer for peer in PEERS if not options.only and peer not in names]:
        print(f"{missing} is not installed (pip install -e '.[benchmark]'): left out")
    runner = Runner(60 * options.minutes, 0.2 if options.smoke else 3.0)
    steps = 5 if options.smoke else 25
    print("do all emit the same spikes?", flush=True)
    agreement = compare(resnet9(steps, precision="32"), NETWORKS[WHOLE], 1 if options.smoke else 4, names)
    print("\n".join(sentences(agreement)), flush=True)
    cells = SMOKE if options.smoke else FOCUS + OTHERS
    with runner.limited_to(SETTINGS_SHARE):
        best = calibrate(runner, names, cells, options.smoke, not options.no_compile)
    measured = measure_cells(runner, best, cells, 1 if options.smoke else options.repeats)
    if not measured:
        sys.exit("error: nothing could be measured (reasons above); nothing was written. Give more --minutes")
    rows = summarise(measured)
    write_json(options.output / "agreement.json", agreement)
    write_json(options.output / "throughput.json", rows)
    write_table(options.output / "throughput.md", rows, agreement, runner.skipped)
    write_figure(options.output, rows)
    print(f"wrote {options.output}/throughput.json, throughput.md and throughput.png")


def calibrate(
    runner: Runner, names: list[str], cells: list[Cell], smoke: bool, compiling: bool
) -> dict[tuple[str, int, int, str], dict[str, Any]]:
    """The fastest configuration of each implementation by (implementation, steps, batch, mode), on the first block.

    A peer is tried in float32 and bf16 autocast, contiguous and channels last, then without `keep_freed_memory`, then
    with its neurons compiled; this project in micro-batches of several sizes. With T = 100 peers take over what was best
    with T = 25, uncompiled, for the unrolled loop takes many minutes to compile; micro-batches are tried again.
    """
    best: dict[tuple[str, int, int, str], dict[str, Any]] = {}
    for steps, batch, mode in dict.fromkeys((cell[1], cell[2], cell[3]) for cell in cells):
        for name in names:
            if smoke:
                how = _own(name, 4) if name in OWN else PEER_CANDIDATES[0]
            elif name in OWN:
                # The float32 network is a reference and takes over what was best in bf16.
                sizes = [8, 16, 32] if steps <= 25 else [4, 8, 16]
                tried = [] if name == OWN[1] else [_own(name, size) for size in sizes if size <= batch]
                reference = best.get((OWN[0], steps, batch, mode), _own(name, 16))
                how = _fastest(runner, name, (BLOCK, steps, batch, mode), tried) or _own(name, reference["micro_batch"])
            elif (name, 25, batch, mode) in best:
                how = {key: value for key, value in best[name, 25, batch, mode].items() if key != "compile"}
            else:
                cell = (BLOCK, steps, batch, mode)
                found = _fastest(runner, name, cell, PEER_CANDIDATES) or PEER_CANDIDATES[0]
                more = [found, found | {"keep_freed_memory": False}]
                more += [found | {"compile": True}] if compiling else []
                how = _fastest(runner, name, cell, more) or found
            best[name, steps, batch, mode] = how
            print(f"best of {name} at T={steps}, batch {batch}, {mode}: {', '.join(describe_configuration(how))}", flush=True)
    return best


def _own(name: str, micro_batch: int) -> dict[str, Any]:
    return {"precision": "bf16" if name == "bloctrain" else "32", "micro_batch": micro_batch}


def _fastest(runner: Runner, name: str, cell: Cell, candidates: list[dict[str, Any]]) -> dict[str, Any] | None:
    rates = []
    for how in candidates:
        row = runner.run(_order(name, cell, how))
        rates.append(row["images_per_s"] if row else 0.0)
    return candidates[rates.index(max(rates))] if rates and max(rates) > 0 else None


def _order(name: str, cell: Cell, how: dict[str, Any]) -> dict[str, Any]:
    network, steps, batch, mode = cell
    return {"implementation": name, "network": network, "steps": steps, "batch": batch, "mode": mode, "configuration": how}


def measure_cells(
    runner: Runner, best: dict[tuple[str, int, int, str], dict[str, Any]], cells: list[Cell], repeats: int
) -> list[dict[str, Any]]:
    """The important cells `repeats` times, then the others as often as there is time for, up to `repeats`.

    Each cell runs all implementations in turn, starting with another one each time.
    """
    names = list(dict.fromkeys(name for name, *_ in best))
    peers = [name for name in names if name in PEERS]
    measured = []
    focus = [cell for cell in cells if cell in FOCUS]
    rest = [cell for cell in cells if cell not in FOCUS]
    for repeat, cell in [(repeat, cell) for chosen in (focus, rest) for repeat in range(repeats) for cell in chosen]:
        chosen = {name: best[name, *cell[1:]] for name in names if name != OWN[1] or (cell[3] == "train" and cell[1] <= 25)}
        if cell[3] == "train" and cell[1] <= 25 and OWN[0] in names:
            chosen["convolutions"] = best[OWN[0], *cell[1:]]
        if cell in FOCUS:
            chosen |= {name + UNTUNED: PEER_DEFAULT for name in peers}
        order = list(chosen)
        shift = repeat % len(order)
        for name in order[shift:] + order[:shift]:
            row = runner.run(_order(name, cell, chosen[name]))
            if row:
                measured.append(row | {"repeat": repeat})
    return measured


def summarise(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians over the repeats, with the spread, one row per implementation and cell."""
    here = {"machine": machine(), "commit": commit(), "versions": versions()}
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in measured:
        groups.setdefault((row["network"], row["steps"], row["mode"], row["batch"], row["implementation"]), []).append(row)
    rows = []
    for (network, steps, mode, batch, name), repeats in groups.items():
        speeds = [row["images_per_s"] for row in repeats]
        rows.append({
            "implementation": name, "network": network, "steps": steps, "batch": batch, "mode": mode,
            "images_per_s": median(speeds), "images_per_s_min": min(speeds), "images_per_s_max": max(speeds),
            "images_per_s_by_repeat": {str(row["repeat"]): row["images_per_s"] for row in repeats},
            "repeats": len(repeats), "peak_rss_mb": median(row["peak_rss_mb"] for row in repeats),
            "start_rss_mb": median(row["start_rss_mb"] for row in repeats),
            "saved_bytes_per_image": repeats[0]["saved_bytes_per_image"],
            "paper_bytes_per_image": paper_bytes_per_image(resnet9(steps), NETWORKS[network]),
            "configuration": ", ".join(describe_configuration(repeats[0]["configuration"])), **here,
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
