"""What each implementation keeps for backward: `python -m benchmarks.saved`.

Bytes per image that autograd keeps, counted once per storage, weights left out; nothing is timed, so the numbers are the same on
a busy machine. Peers in bf16 and channels last, not compiled: what a compiled one keeps stands in throughput.md where that was
its fastest. Writes reports/benchmark/saved.md.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.measure import OWN, own_step, peer_step
from benchmarks.networks import NETWORKS, paper_bytes_per_image, random_labels, random_spikes, resnet9
from benchmarks.peers import installed
from benchmarks.throughput import PEER_CANDIDATES
from pipeline.analysis.table import Table, markdown
from pipeline.base.files import write_text

OUTPUT = Path("reports/benchmark/saved.md")
STEPS, IMAGES = (25, 100), 3
COLUMNS = ["network", "T", "implementation", "MB per image", "over the paper's accounting", "over the leanest peer"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.saved", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"file of the result (default {OUTPUT})")
    output = parser.parse_args(arguments).output
    rows = [row for network in NETWORKS for steps in STEPS for row in count(network, steps)]
    made_by = (
        "Made by `python -m benchmarks.saved`. The paper counts 32 bits per potential and 1 per spike; peers are not compiled."
    )
    write_text(output, markdown(Table("saved", "Bytes kept for backward", COLUMNS, rows, [made_by])))
    print(output.read_text())


def count(network: str, steps: int) -> list[list[Any]]:
    """One row per implementation; a ratio is left empty where no peer is installed."""
    keys, host, label = NETWORKS[network], random_spikes(IMAGES, steps), random_labels(IMAGES)
    kept = {}
    for name, precision in zip(OWN, ("bf16", "32"), strict=True):
        kept[name] = own_step(resnet9(steps, precision=precision), keys, host, label, "train")[1]()
    peers = {}
    for name in installed():
        peers[name] = peer_step(name, resnet9(steps, precision="32"), keys, host, label, "train", PEER_CANDIDATES[-1])[1]()
    paper = paper_bytes_per_image(resnet9(steps), keys)
    return [
        [network, steps, name, value / 1e6, f"{value / paper:.3f}", f"{value / min(peers.values()):.3f}" if peers else ""]
        for name, value in (kept | peers).items()
    ]


if __name__ == "__main__":
    main()
