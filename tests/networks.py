"""Networks of test parameters: for their images, with the engine that they ask for on the CPU."""

from pipeline.config import Params
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Engine
from pipeline.network import build, plan
from pipeline.network.block import Block, Trunk
from pipeline.network.plan import BlockPlan
from pipeline.training.device import Compute, open_compute


def engine_of(params: Params) -> Engine:
    return choose_engine(params.compute.kernel, "cpu", params.compute.precision)


def plan_blocks(params: Params, channels: int) -> dict[str, BlockPlan]:
    return plan.plan_blocks(params, (channels, params.data.image_size, params.data.image_size))


def build_trunk(params: Params, keys: list[str], channels: int, **more) -> Trunk:
    image = (channels, params.data.image_size, params.data.image_size)
    return build.build_trunk(params, keys, image, engine=engine_of(params), **more)


def build_block(params: Params, keys: list[str], channels: int, classes: int, hcd: bool, purpose: str, **more) -> Block:
    image = (channels, params.data.image_size, params.data.image_size)
    return build.build_block(params, keys, image, classes, hcd, purpose, engine_of(params), **more)


def compute_of(params: Params, **changes) -> Compute:
    """Its device and engine, one process."""
    return open_compute(params.compute.model_copy(update={"device": "cpu", **changes}))
