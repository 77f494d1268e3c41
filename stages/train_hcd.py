"""Train (unless it was trained with its block) and calibrate the hard class detector of one block."""

import numpy as np

from pipeline.base.files import read_tensors, write_tensors
from pipeline.config import Params
from pipeline.layout import block_folder
from pipeline.partition.steps import hcd_step
from stages.command import run_block_stage


def main(params: Params, key: str) -> None:
    folder = block_folder(key)
    tensors: dict[str, np.ndarray] = hcd_step(params, key)
    if params.hcd.joint:
        trained = read_tensors(folder / "block.safetensors")
        tensors = {"weight": trained["hcd"]} if "hcd" in trained else {}
    write_tensors(folder / "hcd.safetensors", tensors)


if __name__ == "__main__":
    run_block_stage(main, __doc__ or "")
