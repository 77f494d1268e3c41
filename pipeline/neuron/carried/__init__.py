"""Neurons that go on from carried potentials, compiled for CPUs and GPUs."""
