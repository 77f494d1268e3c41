"""Put the finished run in force into the ledger: its entry, its predictions and, where they are small, its networks."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.anytime.policy_file import policy_path
from pipeline.base.errors import UserError
from pipeline.base.files import atomic_folder, write_arrays, write_json
from pipeline.base.folders import Folders
from pipeline.base.machine import machine, package_versions
from pipeline.inference.stored import network_files, predictions
from pipeline.reporting.ledger.entry import FILE, PREDICTIONS, Entry, check_predictions
from pipeline.reporting.results import Results

LARGEST = 10_000_000
"""Bytes that the networks of an entry may have together."""


def publish(results: Results, entry: Entry, commit: str, draw: Callable[[Path], None], same: bool = True) -> Path:
    """Write the folder of the run in force and return it. `draw` writes tables, figures and checks into the folder it is given.
    What other commands wrote there is kept, and named where what was published before was not the `same` experiment.

    Raises:
        UserError: predictions do not give the accuracies of the summary. The entry that was there stays as it was.
    """
    folders, params = results.folders, results.params
    theta, classes = params.inference.theta_conf, len(results.class_names)
    arrays = predictions(folders, params, theta, classes)
    if differences := check_predictions(entry, arrays):
        raise UserError(differences[0])
    provenance = {
        "commit": commit, "packages": package_versions(), "machine": machine(), "published_by": "python -m stages.publish",
        "data": {key: results.manifest[key] for key in ("source", "class_names", "image_shape", "counts", "sha256_of_pixels")},
        "training_seconds": {f"{row['method']}.{row['block']}": row["seconds"] for row in results.times},
    }  # fmt: skip
    target = folders.published / entry.name
    with atomic_folder(target) as folder:
        draw(folder)
        write_json(folder / FILE, replace(entry, provenance=provenance).to_json())
        write_arrays(folder / PREDICTIONS, arrays)
        shutil.copyfile(folders.params, folder / "params.yaml")
        print(copy_networks(folders, list(params.blocks), folder))
        others = [path for path in sorted(target.glob("*")) if path.is_file() and not (folder / path.name).exists()]
        for path in others:  # of other commands: seeds, thresholds, variants
            shutil.copyfile(path, folder / path.name)
        if others and not same:
            names = ", ".join(path.name for path in others)
            print(f"parameters or images are not those published before; remove what is not of this run: {names}")
    return target


def copy_networks(folders: Folders, keys: list[str], target: Path) -> str:
    """Copy what the networks and their policy are loaded from, under the names that they have in a run, so that `target` can be
    read as one; in words. Nothing is copied where all of it is larger than LARGEST."""
    policy = policy_path(folders)
    names = network_files(folders, keys) + [str(policy.relative_to(folders.root))] * policy.exists()
    size = sum((folders.root / name).stat().st_size for name in names)
    if size > LARGEST:
        return f"networks: {size / 1e6:.1f} MB, left out; only up to {LARGEST / 1e6:g} MB are published"
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folders.root / name, target / name)
    return f"networks: {size / 1e6:.1f} MB, {len(names)} files"
