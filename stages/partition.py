"""Divide the classes of one block into easy and hard ones (Algorithm 1): runs/<block>/classes.json and its kin."""

from typing import Any

from pipeline.base.folders import Folders, before
from pipeline.partition.params import PartitionParams
from pipeline.partition.partition_stage import partition_stage
from pipeline.training.params import HcdParams
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads={"partition": PartitionParams, "hcd.joint": HcdParams},
    needs=[
        "data/prepared/manifest.json",
        "runs/${key}/hcd.json",
        "runs/${key}/outputs_validation.npz",
        "runs/${key}/outputs_test.npz",
        "runs/${item.prev}/groups.json",
        "runs/${item.prev}/next.json",
        "runs/${item.prev}/running.npz",
    ],
    outs=[
        "runs/${key}/classes.json",
        "runs/${key}/class_accuracy.csv",
        "runs/${key}/groups.json",
        "runs/${key}/next.json",
        "runs/${key}/running.npz",
    ],
)


def main(folders: Folders, params: Any, key: str) -> None:
    """The stage for one block."""
    partition_stage(folders, params, key, before(key))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
