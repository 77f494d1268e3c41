"""Read the source images and split them: data/prepared/."""

from pipeline.config import Params
from pipeline.data import prepare
from stages.command import run_stage


def main(params: Params) -> None:
    prepare(params.data, params.seed)


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
