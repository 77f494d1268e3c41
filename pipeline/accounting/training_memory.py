"""Memory of backpropagation through time (section 5.2) as the paper counts it.

Counted for block i: weights of blocks 1..i and of its classifier at 32 bits; and for what is in training, per time
step and image, 32 bits per membrane potential and 1 bit per spike. End to end the same over the whole network.
"""

from collections.abc import Sequence

from pipeline.network.plan import BlockPlan

WEIGHT_BITS = 32
POTENTIAL_BITS = 32
SPIKE_BITS = 1
MEGABYTE_BITS = 8e6


def weight_count(plans: Sequence[BlockPlan]) -> int:
    """Trunk weights of the given blocks."""
    return sum(layer.weights for plan in plans for layer in plan.trunk)


def classifier_weights(plan: BlockPlan, classes: int, hcd: bool) -> int:
    """Weights of a block's classifier: its spiking layers and the readout."""
    return sum(layer.weights for layer in plan.classifier) + plan.readout_weights(classes, hcd)


def state_bits(plans: Sequence[BlockPlan], classes: int, hcd: bool) -> int:
    """Bits per image and time step of the potentials and spikes of the given trunks and the last one's classifier.

    The output layer has potentials and no spikes.
    """
    neurons = sum(layer.neurons for plan in plans for layer in plan.trunk)
    last = plans[-1]
    neurons += sum(layer.neurons for layer in last.classifier)
    return neurons * (POTENTIAL_BITS + SPIKE_BITS) + (classes + hcd) * POTENTIAL_BITS


def megabytes(
    chain: Sequence[BlockPlan], trained: Sequence[BlockPlan], classes: int, hcd: bool, batch: int, time_steps: int
) -> tuple[float, float]:
    """(weights, state) in MB of training the last blocks `trained` of `chain` on mini-batches of `batch` images."""
    weights = WEIGHT_BITS * (weight_count(chain) + classifier_weights(chain[-1], classes, hcd))
    return weights / MEGABYTE_BITS, batch * time_steps * state_bits(trained, classes, hcd) / MEGABYTE_BITS
