"""Train (unless it was trained with its block) and calibrate the hard class detector of one block."""

from typing import Any

from pipeline.base.folders import Folders, before
from pipeline.partition.detector_stage import detector_stage
from pipeline.training.params import HcdParams
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads={"hcd": HcdParams},
    needs=[
        "data/prepared",
        "runs/${key}/block.safetensors",
        "runs/${key}/readout_train.npz",
        "runs/${key}/readout_validation.npz",
        "runs/${key}/readout_test.npz",
        "runs/${item.prev}/groups.json",
        "runs/${item.prev}/next.json",
    ],
    outs=[
        "runs/${key}/hcd.safetensors",
        "runs/${key}/hcd.json",
        "runs/${key}/outputs_validation.npz",
        "runs/${key}/outputs_test.npz",
    ],
)


def main(folders: Folders, params: Any, key: str) -> None:
    """The stage for one block."""
    detector_stage(folders, params, key, before(key))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
