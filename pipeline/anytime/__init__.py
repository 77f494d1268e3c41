"""Exits in time as well as in depth: policies chosen on validation images, replayed, and run a slice of steps at a time."""
