"""Fit the Poisson encoder to the training images and write the spike trains of every split: runs/b0/."""

import numpy as np

from pipeline.config import Params
from pipeline.data import load_prepared
from pipeline.encoding import FIXED, fit_encoder, write_spikes
from pipeline.files import atomic_folder, read_json
from pipeline.layout import block_folder
from pipeline.partition.steps import write_start
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
            batches = (encoder.encode(images[part], part, split, realisation) for part in rows)
            write_spikes(features / name, batches, len(images), signed=True)
    encoder.save(folder / "encoder.json")
    write_start(folder, len(read_json("data/prepared/manifest.json")["class_names"]))


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
