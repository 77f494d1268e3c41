"""Run every split through one trained block: its spikes for the next block, and its readouts."""

from pipeline.training.outputs import forward_block
from stages.command import run_block_stage

if __name__ == "__main__":
    run_block_stage(forward_block, __doc__ or "")
