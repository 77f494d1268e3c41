"""Train the network of all blocks up to one end to end and test it: runs/<block>/end_to_end/."""

from pipeline.config import Params
from pipeline.training.methods import train_end_to_end
from pipeline.training.outputs import forward_end_to_end
from stages.command import run_block_stage


def main(params: Params, key: str) -> None:
    train_end_to_end(params, key, then=forward_end_to_end)


if __name__ == "__main__":
    run_block_stage(main, __doc__ or "")
