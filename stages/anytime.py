"""Exits in time as well as in depth, where inference.steps asks for them: runs/anytime/."""

from pipeline.anytime.anytime_stage import anytime_stage
from stages.stage import Stage
from stages.trained import FILES, SECTIONS

STAGE = Stage(reads=SECTIONS, needs=FILES, outs=["runs/anytime"])

if __name__ == "__main__":
    STAGE.run(anytime_stage, __doc__)
