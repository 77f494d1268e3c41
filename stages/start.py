"""Block 0 of Algorithm 1: every class is hard, and block 1 is to learn them all."""

from typing import Any

from pipeline.base.files import write_json
from pipeline.base.folders import ENCODER, Folders
from pipeline.inference.collected import nothing_collected
from pipeline.partition.params import PartitionParams
from pipeline.partition.start_stage import start_stage
from stages.stage import Stage

STAGE = Stage(
    reads={"partition": PartitionParams},
    needs=["data/prepared/manifest.json"],
    outs=[
        "runs/b0/classes.json",
        "runs/b0/class_accuracy.csv",
        "runs/b0/groups.json",
        "runs/b0/next.json",
        "runs/b0/running.npz",
        "runs/b0/manifest.json",
        "runs/b0/timings.json",
        "runs/b0/base/features",
    ],
)


def main(folders: Folders, params: Any) -> None:
    """The stage."""
    start_stage(folders, params.partition)
    nothing_collected(folders)
    # DVC's templates name a features folder of the base block before b1; all methods share the encoder's.
    write_json(folders.block(ENCODER, "bloctrain_base") / "features" / "origin.json", {"features": "runs/b0/features"})


if __name__ == "__main__":
    STAGE.run(main, __doc__)
