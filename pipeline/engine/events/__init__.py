"""Convolutions driven by their input spikes: silent inputs cost nothing."""
