"""The encoding stage: runs/b0/encoder.json, and the spike trains of validation and test images in runs/b0/features/, which stays
empty where images are sent in as they are."""

import numpy as np

from pipeline.base.files import atomic_folder
from pipeline.base.folders import ENCODER, Folders
from pipeline.data.prepared import load_prepared
from pipeline.encoding.params import EncodingParams
from pipeline.encoding.poisson import FIXED, fit_encoder
from pipeline.encoding.storage import write_spikes

CHUNK = 256


def encode_stage(folders: Folders, params: EncodingParams, seed: int) -> None:
    """Fit the encoder to the training images and encode the images that it is not trained on."""
    folder = folders.block(ENCODER)
    images, direct = load_prepared(folders.prepared, "train").images, params.kind == "direct"
    encoder = fit_encoder(images, params.time_steps, params.max_rate_hz, seed, direct)
    with atomic_folder(folder / "features") as features:
        for split in () if direct else ("validation", "test"):
            images = load_prepared(folders.prepared, split).images
            rows = [np.arange(start, min(start + CHUNK, len(images))) for start in range(0, len(images), CHUNK)]
            batches = (encoder.encode(images[part], part, split, FIXED) for part in rows)
            write_spikes(features / split, batches, len(images), signed=True)
    encoder.save(folder / "encoder.json")
