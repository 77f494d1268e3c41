"""Parameters: typed, validated on reading, one line per mistake."""

from pipeline.config.load import load_params, parse_params
from pipeline.config.schema import BlockParams, Params

__all__ = ["BlockParams", "Params", "load_params", "parse_params"]
