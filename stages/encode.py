"""Fit the encoder to the training images, and write the spike trains of validation and test images: runs/b0/.

Those of training images are made when they are needed, from the same generator. Where images go in as they are
(`encoding.kind: direct`) there are none.
"""

from typing import Any

from pipeline.base.folders import Folders
from pipeline.encoding.encode_stage import encode_stage
from pipeline.encoding.params import EncodingParams
from stages.stage import Stage

STAGE = Stage(
    reads={"seed": int, "encoding": EncodingParams},
    needs=["data/prepared"],
    outs=["runs/b0/encoder.json", "runs/b0/features"],
)


def main(folders: Folders, params: Any) -> None:
    """The stage."""
    encode_stage(folders, params.encoding, params.seed)


if __name__ == "__main__":
    STAGE.run(main, __doc__)
