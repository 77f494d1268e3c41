"""The whole file of parameters, for what reads all of it: the check before a run, reports, studies, a loaded run."""

from pipeline.config.experiment import Params
from pipeline.config.load import load_params, parse_params

__all__ = ["Params", "load_params", "parse_params"]
