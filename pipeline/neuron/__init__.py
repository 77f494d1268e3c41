"""Spiking neurons over whole spike trains `[T, B, ...]`: one forward and one reverse scan each, explicit state."""

from pipeline.neuron.lif import LIF, lif
from pipeline.neuron.pool import pool_and_fire
from pipeline.neuron.readout import leaky_sum

__all__ = ["LIF", "leaky_sum", "lif", "pool_and_fire"]
