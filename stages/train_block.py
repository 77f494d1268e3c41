"""Train one block of BlocTrain (Algorithms 1 and 2): runs/<block>/block.safetensors, history.csv, timing.json."""

from pipeline.training.methods import train_block
from stages.command import run_block_stage

if __name__ == "__main__":
    run_block_stage(train_block, __doc__ or "")
