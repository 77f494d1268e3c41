"""Signed Poisson spike trains and their storage at one bit per spike."""

from pipeline.encoding.poisson import FIXED, Encoder, fit_encoder
from pipeline.encoding.storage import SpikeFile, pack, unpack, write_spikes

__all__ = ["FIXED", "Encoder", "SpikeFile", "fit_encoder", "pack", "unpack", "write_spikes"]
