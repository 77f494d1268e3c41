"""Train one block of BlocTrain-base (section 6.3) and run it over the splits: runs/<block>/base/."""

from pipeline.config import Params
from pipeline.training.methods import train_base
from pipeline.training.outputs import forward_base
from stages.command import run_block_stage


def main(params: Params, key: str) -> None:
    train_base(params, key, then=forward_base)


if __name__ == "__main__":
    run_block_stage(main, __doc__ or "")
