"""Blocks that run some time steps at a time, from the potentials that the steps before left.

Whole spike trains need no state between steps: engines keep it in registers. Here it is carried in tensors, one per layer, so
that an image can stop after any step, wait, and go on. Where spikes go straight through synapses into neurons, the engine does
both, from the potentials carried (`spikes_from`). Elsewhere (normalisation, analog inputs, pooling) it gives the currents.
"""

from dataclasses import replace

import torch
from torch import Tensor

from pipeline.engine.synapses import normalised
from pipeline.network.block import Block, features
from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingMaxPool, SpikingPool
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle
from pipeline.neuron.carried.scan import lif_from
from pipeline.neuron.pool import average
from pipeline.neuron.readout import leaky_sum

Carry = dict[str, Tensor]
"""Membrane potentials float32 `[B, ...]` by the name of the layer; none before the first step, where they are 0."""
READOUT = "readout"


def run_slice(block: Block, bundle: Bundle, carry: Carry) -> Tensor:
    """Spikes `[t, B, C, H, W]` of the trunk of `block` in the next t steps, whose inputs are `bundle`; `carry` is updated."""
    trunk = block.trunk

    def call(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        return _layer(trunk.layers[plan.name], inputs, carry, plan.name)

    spikes = trunk.outputs(bundle, call)[trunk.plans[-1].key]
    emitted = spikes
    for number, layer in enumerate(block.head):
        emitted = _layer(layer, [emitted], carry, f"head {number}")
    flat = features(emitted, block.readout_pool)
    if block.hidden is not None:
        flat = _layer(block.hidden, [flat], carry, "hidden")
    with torch.autocast(flat.device.type, enabled=False):
        total = leaky_sum(flat, block.leak)
    carry[READOUT] = total + block.leak ** len(flat) * carry[READOUT] if READOUT in carry else total
    return spikes


def run_whole(block: Block, bundle: Bundle, carry: Carry) -> Tensor:
    """As `run_slice` for all steps at once, after which only the readout is asked for: layers carry nothing."""
    spikes, _, _, carry[READOUT], _ = block(bundle)
    return spikes


def summarised(block: Block, carry: Carry) -> tuple[Tensor, Tensor | None]:
    """Logits float32 `[B, K]` and, where the block has a detector, HCD logits `[B]`, after the steps so far."""
    with torch.autocast(carry[READOUT].device.type, enabled=False):
        summary = carry[READOUT]
        return summary @ block.readout.T, None if block.hcd is None else summary @ block.hcd


def _layer(layer: torch.nn.Module, inputs: list[Tensor], carry: Carry, name: str) -> Tensor:
    """The layer's output, in the dtype of its inputs."""
    # no isinstance: a subclass may have neurons of its own
    if type(layer) is SpikingMaxPool:
        pooled: Tensor = layer(inputs)
        return pooled
    if type(layer) is SpikingPool:
        current, neuron = average(inputs[0].float(), layer.plan.main.stride), replace(layer.neuron, leak=1.0)
    elif type(layer) is SpikingConv or type(layer) is SpikingLinear:
        synapses, neuron = layer.synapses(inputs), layer.neuron
        if layer.at_once:
            spikes, carry[name] = layer.engine.spikes_from(synapses, neuron, carry.get(name))
            return spikes
        current = layer.engine.currents(synapses)
        if type(layer) is SpikingConv and layer.norm is not None:  # counts of spikes come of currents that are not rounded
            current = normalised(current.float() if neuron.levels > 1 else current, layer.norm)
    else:
        raise TypeError(
            f"layer {name}: {type(layer).__name__} cannot stop between steps; run it over all steps, or add it to "
            "pipeline/anytime/slices.py"
        )
    spikes, carry[name] = lif_from(current, neuron, carry.get(name))
    return spikes.to(inputs[0].dtype)
