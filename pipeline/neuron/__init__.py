"""Spiking neurons over whole spike trains `[T, B, ...]`: one forward and one reverse scan each, explicit state."""
