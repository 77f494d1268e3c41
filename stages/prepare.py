"""Read the source images and split them: data/prepared/."""

from typing import Any

from pipeline.base.folders import Folders
from pipeline.data.params import DataParams
from pipeline.data.prepare import prepare
from stages.stage import Stage

STAGE = Stage(
    reads={"seed": int, "data": DataParams},
    needs=["runs/checked.json"],
    outs=["data/prepared"],
)


def main(folders: Folders, params: Any) -> None:
    """The stage."""
    prepare(params.data, params.seed, folders.prepared, folders.raw)


if __name__ == "__main__":
    STAGE.run(main, __doc__)
