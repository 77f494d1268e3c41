"""Batch normalisation and integer neurons in one compiled function."""
