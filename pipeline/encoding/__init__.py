"""Signed Poisson spike trains and their storage at one bit per spike."""
