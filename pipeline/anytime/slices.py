"""Blocks that run some time steps at a time, from the potentials that the steps before left.

Whole spike trains need no state between steps: engines keep it in registers. Here it is carried in tensors, one per layer, so
that an image can stop after any step, wait, and go on. Synapses are dense operations, on any device. On CPUs they are computed in
float32, as the event-driven engine does for bfloat16 spikes, so that spikes agree up to the order of sums. The engine of integer
neurons rounds their currents and slices do not, so that spikes differ a little more.
"""

import torch
from torch import Tensor

from pipeline.anytime.carried.scan import lif_slice
from pipeline.engine.contract import Synapse
from pipeline.engine.synapses import currents, normalised
from pipeline.network.block import Block, features
from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingMaxPool, SpikingPool
from pipeline.network.plan import LayerPlan
from pipeline.network.walk import Bundle
from pipeline.neuron.lif import LIF
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


def summarised(block: Block, carry: Carry) -> tuple[Tensor, Tensor | None]:
    """Logits float32 `[B, K]` and, where the block has a detector, HCD logits `[B]`, after the steps so far."""
    with torch.autocast(carry[READOUT].device.type, enabled=False):
        summary = carry[READOUT]
        return summary @ block.readout.T, None if block.hcd is None else summary @ block.hcd


def _layer(layer: torch.nn.Module, inputs: list[Tensor], carry: Carry, name: str) -> Tensor:
    """The layer's output, in the dtype of its inputs."""
    device, dtype = inputs[0].device.type, inputs[0].dtype
    if device != "cpu" or dtype == torch.float32:
        return _computed(layer, inputs, carry, name)
    with torch.autocast(device, enabled=False):
        return _computed(layer, [one.float() for one in inputs], carry, name).to(dtype)


def _computed(layer: torch.nn.Module, inputs: list[Tensor], carry: Carry, name: str) -> Tensor:
    if type(layer) is SpikingMaxPool:  # no isinstance: a subclass may have neurons of its own
        pooled: Tensor = layer(inputs)
        return pooled
    if type(layer) is SpikingPool:
        mean = average(inputs[0], layer.plan.main.stride)
        neuron = LIF(1.0, layer.neuron.threshold, layer.neuron.damping, layer.neuron.delay)
        return _fire(mean, neuron, carry, name).to(inputs[0].dtype)
    if type(layer) is SpikingLinear:
        return _fire(currents([Synapse(inputs[0], layer.weight)]), layer.neuron, carry, name)
    if type(layer) is SpikingConv:
        current = layer.current(inputs)
        if layer.norm is not None:
            current = normalised(current, layer.norm)
        return _fire(current, layer.neuron, carry, name)
    raise TypeError(
        f"layer {name}: {type(layer).__name__} cannot stop between steps; run it over all steps, or add it to "
        "pipeline/anytime/slices.py"
    )


def _fire(current: Tensor, neuron: LIF, carry: Carry, name: str) -> Tensor:
    """Spikes of `current` `[t, B, ...]`, from the potentials carried."""
    before = carry.get(name)
    potential = torch.zeros_like(current[0], dtype=torch.float32)  # in the memory layout of the currents
    if before is not None:
        potential.copy_(before)
    carry[name] = potential
    return lif_slice(current, neuron, potential)
