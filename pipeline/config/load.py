"""Read a whole file of parameters."""

from pathlib import Path
from typing import Any

from pipeline.base.yaml_file import as_mapping, read_mapping, validate
from pipeline.config.experiment import Params

DEFAULT_PATH = Path("params.yaml")


def load_params(path: Path | str = DEFAULT_PATH) -> Params:
    """The validated parameters.

    Raises:
        UserError: no such file, not YAML, an unknown key, a wrong type, a value out of range, or sections that do not fit.
    """
    path = Path(path)
    return parse_params(read_mapping(path), str(path))


def parse_params(content: Any, origin: str = "params.yaml") -> Params:
    """Validate an already parsed mapping; `origin` names it in messages."""
    params: Params = validate(Params, as_mapping(content, origin), origin)
    return params
