"""Train (unless it was trained with its block) and calibrate the hard class detector of one block."""

import numpy as np
from safetensors.numpy import load_file, save_file

from pipeline.config import Params
from pipeline.files import atomic_file
from pipeline.layout import block_folder
from pipeline.partition.steps import hcd_step
from stages.command import run_block_stage


def main(params: Params, key: str) -> None:
    folder = block_folder(key)
    tensors: dict[str, np.ndarray] = hcd_step(params, key)
    if params.hcd.joint:
        trained = load_file(folder / "block.safetensors")
        tensors = {"weight": trained["hcd"]} if "hcd" in trained else {}
    with atomic_file(folder / "hcd.safetensors") as temporary:
        save_file(tensors, temporary)


if __name__ == "__main__":
    run_block_stage(main, __doc__ or "")
