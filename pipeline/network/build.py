"""Modules from plans, with weights drawn from one named generator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from pipeline.base.seeding import torch_seed
from pipeline.engine.contract import Engine, InputKind
from pipeline.engine.reference import ReferenceEngine
from pipeline.network.block import Block, Trunk
from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingMaxPool, SpikingPool
from pipeline.network.params import Blocks, NetworkParams, NetworkSections
from pipeline.network.plan import BlockPlan, LayerPlan, Shape, plan_blocks
from pipeline.neuron.lif import LIF
from pipeline.neuron.params import NeuronParams

REFERENCE = ReferenceEngine()
MakeLayer = Callable[[LayerPlan, LIF, float, torch.Generator, Engine], nn.Module]
"""Makes the module of one layer of a trunk or of a classifier's head from its plan, neuron, weight gain, generator and engine."""


@dataclass
class Design:
    """The sections that a network is laid out from, for use without a file of parameters."""

    blocks: Blocks
    neuron: NeuronParams
    network: NetworkParams
    seed: int = 0


def spiking_layer(plan: LayerPlan, neuron: LIF, gain: float, generator: torch.Generator, engine: Engine) -> nn.Module:
    """The layer that the plan asks for: `MakeLayer` of the paper's networks."""
    if plan.kind == "pool":
        return SpikingPool(plan, neuron, engine)
    if plan.kind == "max_pool":
        return SpikingMaxPool(plan)
    if plan.kind == "conv":
        return SpikingConv(plan, neuron, gain, generator, engine)
    raise ValueError(f"layer {plan.name}: no module for kind {plan.kind}; make it in pipeline/network/build.py, or by make_layer")


def layer_maker(network: NetworkParams) -> MakeLayer:
    """`MakeLayer` by `network.norm`. batch: currents of scale alpha in units of the threshold (tdBN)."""

    def normalised_layer(plan: LayerPlan, neuron: LIF, gain: float, generator: torch.Generator, engine: Engine) -> nn.Module:
        layer = spiking_layer(plan, neuron, gain, generator, engine)
        if isinstance(layer, SpikingConv):
            layer.norm = nn.BatchNorm2d(plan.outputs[0])
            nn.init.constant_(layer.norm.weight, network.norm_scale * neuron.threshold)
        return layer

    return normalised_layer if network.norm == "batch" else spiking_layer


def build_trunk(
    sections: NetworkSections, keys: Sequence[str], image: Shape, purpose: str = "prefix", engine: Engine = REFERENCE,
    make_layer: MakeLayer | None = None, kind: InputKind = "signed",
) -> Trunk:  # fmt: skip
    """The trunks of the blocks `keys`, in sequence, for encoded images of shape `image` (C, H, W) and that kind: `analog` where
    they are real numbers, because most engines keep signs alone of what is `signed`."""
    plans = plan_blocks(sections, image, kind)
    make = make_layer or layer_maker(sections.network)
    return _trunk(sections, [plans[key] for key in keys], _generator(sections, purpose), engine, make)


def build_block(
    sections: NetworkSections, keys: Sequence[str], image: Shape, classes: int, hcd: bool, purpose: str,
    engine: Engine = REFERENCE, make_layer: MakeLayer | None = None, kind: InputKind = "signed",
) -> Block:  # fmt: skip
    """The trunks of the blocks `keys` with the classifier of the last of them, for encoded images of shape `image` (C, H, W) and
    that kind, as in `build_trunk`.

    One key makes a block of BlocTrain; all keys up to a depth make the end-to-end network of that depth. `purpose`
    names the generator of the initial weights. `make_layer` makes the convolutional and pooling layers, those of the classifier's
    head too, in place of what `network.norm` asks for.
    """
    generator = _generator(sections, purpose)
    plans = plan_blocks(sections, image, kind)
    plan, make = plans[keys[-1]], make_layer or layer_maker(sections.network)
    trunk = _trunk(sections, [plans[key] for key in keys], generator, engine, make)
    hidden = None
    if plan.hidden:
        neuron = _neuron(sections, plan.hidden)
        hidden = SpikingLinear(plan.hidden, neuron, sections.network.init_gain, generator, engine)
    head = [make(one, _neuron(sections, one), sections.network.init_gain, generator, engine) for one in plan.head]
    return Block(
        trunk, hidden, plan.readout_inputs, classes, hcd, sections.neuron.leak, generator, engine, head, plan.readout_pool
    )


def _generator(sections: NetworkSections, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(torch_seed(sections.seed, "weights", purpose))


def _neuron(sections: NetworkSections, plan: LayerPlan) -> LIF:
    neuron = sections.neuron
    return LIF(neuron.leak, plan.threshold, neuron.damping, neuron.delay, neuron.levels)


def _trunk(
    sections: NetworkSections, plans: Sequence[BlockPlan], generator: torch.Generator, engine: Engine, make: MakeLayer
) -> Trunk:
    gain = sections.network.init_gain
    layers = [make(plan, _neuron(sections, plan), gain, generator, engine) for block in plans for plan in block.trunk]
    return Trunk(plans, layers)
