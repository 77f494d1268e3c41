"""Modules from plans, with weights drawn from one named generator."""

from collections.abc import Sequence
from typing import Any as Params

import torch

from pipeline.base.seeding import torch_seed
from pipeline.network.block import Block, Trunk
from pipeline.network.engine import Engine, choose_engine
from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingPool
from pipeline.network.plan import LayerPlan, plan_blocks
from pipeline.neuron import LIF


def build_trunk(params: Params, keys: Sequence[str], channels: int, purpose: str = "prefix") -> Trunk:
    """The trunks of the blocks `keys`, in sequence."""
    return _trunk(params, keys, channels, _generator(params, purpose))


def build_block(params: Params, keys: Sequence[str], channels: int, classes: int, hcd: bool, purpose: str) -> Block:
    """The trunks of the blocks `keys` with the classifier of the last of them, for images of `channels` channels.

    One key makes a block of BlocTrain; all keys up to a depth make the end-to-end network of that depth. `purpose`
    names the generator of the initial weights.
    """
    generator = _generator(params, purpose)
    plan = plan_blocks(params, channels)[keys[-1]]
    trunk = _trunk(params, keys, channels, generator)
    hidden = None
    if plan.hidden:
        hidden = SpikingLinear(plan.hidden, _neuron(params, plan.hidden), params.network.init_gain, generator, _engine(params))
    return Block(trunk, hidden, plan.readout_inputs, classes, hcd, params.neuron.leak, generator)


def _generator(params: Params, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(torch_seed(params.seed, "weights", purpose))


def _neuron(params: Params, plan: LayerPlan) -> LIF:
    neuron = params.neuron
    return LIF(neuron.leak, plan.threshold, neuron.damping, neuron.delay)


def _engine(params: Params) -> Engine:
    compute = params.compute
    cuda = compute.device == "cuda" or (compute.device == "auto" and torch.cuda.is_available())
    return choose_engine(compute.kernel, "cuda" if cuda else "cpu", compute.precision)


def _trunk(params: Params, keys: Sequence[str], channels: int, generator: torch.Generator) -> Trunk:
    plans = plan_blocks(params, channels)
    layers: list[SpikingConv | SpikingPool] = []
    for key in keys:
        for plan in plans[key].trunk:
            neuron = _neuron(params, plan)
            if plan.kind == "pool":
                layers.append(SpikingPool(plan, neuron, _engine(params)))
            else:
                layers.append(SpikingConv(plan, neuron, params.network.init_gain, generator, _engine(params)))
    return Trunk(layers)
