"""Fit the Poisson encoder to the training images and write the spike trains of every split: runs/b0/.

BlocTrain-base starts from the same spikes, so runs/b0/base/ only points there.
"""

from pathlib import Path

import numpy as np

from pipeline.base.files import atomic_folder, read_json, write_arrays, write_json
from pipeline.config import Params
from pipeline.data import augment, load_prepared
from pipeline.encoding import FIXED, fit_encoder, write_spikes
from pipeline.layout import block_folder
from stages.command import run_stage

CHUNK = 256


def main(params: Params) -> None:
    folder = block_folder("b0")
    splits = {split: load_prepared(split) for split in ("train", "validation", "test")}
    encoder = fit_encoder(splits["train"].images, params.encoding.time_steps, params.encoding.max_rate_hz, params.seed)
    cached = params.features.realisations if params.features.mode == "cached" else 0
    wanted = [(f"train_r{r}", "train", r) for r in range(cached)] + [(s, s, FIXED) for s in ("validation", "test")]
    with atomic_folder(folder / "features") as features:
        for name, split, realisation in wanted:
            images = splits[split].images
            rows = [np.arange(start, min(start + CHUNK, len(images))) for start in range(0, len(images), CHUNK)]
            kind = params.training.augmentation if realisation != FIXED else "none"
            varied = ((augment(images[part], part, kind, params.seed, split, realisation), part) for part in rows)
            batches = (encoder.encode(chunk, part, split, realisation) for chunk, part in varied)
            write_spikes(features / name, batches, len(images), signed=True)
    write_json(folder / "base" / "features" / "origin.json", {"features": "runs/b0/features"})
    encoder.save(folder / "encoder.json")
    write_start(folder, list(range(len(read_json("data/prepared/manifest.json")["class_names"]))))


def write_start(folder: Path, classes: list[int]) -> None:
    """The encoder's folder as block 0 of Algorithm 1: no class easy, every class hard, nobody left yet, nothing collected."""
    nothing_yet = {"class_accuracy": None, "metric": None, "threshold": None}
    write_json(folder / "classes.json", {"easy": [], "hard": classes} | nothing_yet)
    write_json(folder / "groups.json", {"easy": [], "hard": classes})
    write_json(folder / "joint_targets.json", {"hard": None, "build": True, "reason": None})
    write_json(folder / "manifest.json", {})
    write_json(folder / "timings.json", {})
    write_arrays(folder / "running.npz", {"running": np.zeros((0, 0), np.float32), "prediction": np.zeros(0, np.int64)})


if __name__ == "__main__":
    run_stage(main, (__doc__ or "").splitlines()[0])
