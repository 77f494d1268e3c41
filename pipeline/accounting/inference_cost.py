"""Compute and memory per inference (section 5.2), averaged over where the images leave.

Compute: time steps x multiply-accumulates of the convolutional and linear layers, classifiers included, of the blocks
that an image visits. Memory: 32 bits per weight of the visited blocks, and one bit per spike and time step at each
block boundary that the image crosses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from pipeline.accounting.training_memory import SPIKE_BITS, WEIGHT_BITS, classifier_weights, weight_count
from pipeline.network.plan import BlockPlan


@dataclass(frozen=True)
class Cost:
    """Multiply-accumulates and memory bits of one image."""

    macs: float
    memory_bits: float


def trunk_macs(plan: BlockPlan) -> int:
    """Multiply-accumulates per image and time step of a block's trunk."""
    return sum(layer.macs for layer in plan.trunk)


def classifier_macs(plan: BlockPlan, classes: int, hcd: bool) -> int:
    """Per time step; the readout's too, as a neuromorphic processor would work through it."""
    return sum(layer.macs for layer in plan.classifier) + plan.readout_weights(classes, hcd)


def end_to_end_cost(plans: Sequence[BlockPlan], classes: int, time_steps: int) -> Cost:
    """All trunks and the last classifier."""
    macs = sum(trunk_macs(plan) for plan in plans) + classifier_macs(plans[-1], classes, False)
    weights = weight_count(plans) + classifier_weights(plans[-1], classes, False)
    return Cost(time_steps * macs, WEIGHT_BITS * weights)


def exit_costs(plans: Sequence[BlockPlan], classes: Sequence[int], hcds: Sequence[bool], time_steps: int) -> list[Cost]:
    """Cost of an image that leaves at block 1, 2, ...; `classes[i]` outputs and an HCD or not at each block."""
    costs: list[Cost] = []
    macs = bits = 0.0
    for plan, outputs, hcd in zip(plans, classes, hcds, strict=True):
        if costs:
            bits += SPIKE_BITS * time_steps * prod(plan.inputs)
        macs += time_steps * (trunk_macs(plan) + classifier_macs(plan, outputs, hcd))
        bits += WEIGHT_BITS * (weight_count([plan]) + classifier_weights(plan, outputs, hcd))
        costs.append(Cost(macs, bits))
    return costs


def mean_cost(costs: Sequence[Cost], shares: Sequence[float]) -> Cost:
    """Average over images of which the share `shares[i]` leaves at block i + 1."""
    used = np.asarray(shares[: len(costs)], dtype=np.float64)
    return Cost(float(used @ [cost.macs for cost in costs]), float(used @ [cost.memory_bits for cost in costs]))
