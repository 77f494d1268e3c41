"""What `collect` writes of a block and all before it: digests of the results (manifest.json) and measured times (timings.json).

Stages that need every block depend on those of the deepest one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.base.files import damaged, file_digest, read_json, write_json
from pipeline.base.folders import ENCODER, METHODS, Folders

RESULTS = (
    "block.safetensors", "history.csv", "hcd.safetensors", "hcd.json", "class_accuracy.csv", "groups.json", "next.json",
    "outputs_validation.npz", "outputs_test.npz",
)  # fmt: skip
BASELINE = ("block.safetensors", "history.csv", "outputs_test.npz")
Timings = dict[str, dict[str, dict[str, Any]]]


def nothing_collected(folders: Folders) -> None:
    """The encoder's folder, before the first block: no results, no times."""
    write_json(folders.block(ENCODER) / "manifest.json", {})
    write_json(folders.block(ENCODER) / "timings.json", {})


def collect(folders: Folders, key: str, prev: str) -> None:
    """Add the digests and the times of block `key` to those of the blocks before it."""
    digests, times = (dict(_read(folders, prev, name)) for name in ("manifest.json", "timings.json"))
    for method in METHODS:
        folder = folders.block(key, method)
        names = RESULTS if method == "bloctrain" else BASELINE
        digests |= {str((folder / name).relative_to(folders.runs)): file_digest(folder / name) for name in names}
    times[key] = {method: _times(folders.block(key, method)) for method in METHODS}
    write_json(folders.block(key) / "manifest.json", digests)
    write_json(folders.block(key) / "timings.json", times)


def check_digests(folders: Folders, deepest: str) -> None:
    """Compare every result file with the digest that was collected.

    Raises:
        UserError: a file is missing or is not the one that was collected.
    """
    for name, digest in _read(folders, deepest, "manifest.json").items():
        if file_digest(folders.runs / name) != digest:
            raise damaged(folders.runs / name, "its content is not what the pipeline recorded")


def load_timings(folders: Folders, deepest: str) -> Timings:
    """`{block: {method: {images, epochs, seconds, median_seconds_per_epoch, forward_seconds}}}`."""
    found: Timings = _read(folders, deepest, "timings.json")
    return found


def _times(folder: Path) -> dict[str, Any]:
    forward = folder / "forward_time.json"  # networks trained end to end need no features
    return read_json(folder / "timing.json") | {"forward_seconds": read_json(forward)["seconds"] if forward.exists() else 0.0}


def _read(folders: Folders, key: str, name: str) -> Any:
    path = folders.block(key) / name
    content = read_json(path)
    if not isinstance(content, Mapping):
        raise damaged(path, "not a mapping")
    return content
