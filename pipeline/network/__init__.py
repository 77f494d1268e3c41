"""Networks of spiking layers, laid out from the `blocks` of the parameters."""

from pipeline.network.block import Block, BlockOutput, Dropout, Trunk
from pipeline.network.build import build_block, build_trunk
from pipeline.network.plan import BlockPlan, LayerPlan, plan_blocks

__all__ = ["Block", "BlockOutput", "BlockPlan", "Dropout", "LayerPlan", "Trunk", "build_block", "build_trunk", "plan_blocks"]
