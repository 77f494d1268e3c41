"""Divide the classes of one block into easy and hard ones (Algorithm 1): runs/<block>/classes.json and its kin."""

from pipeline.partition.steps import partition_step
from stages.command import run_block_stage

if __name__ == "__main__":
    run_block_stage(partition_step, __doc__ or "")
