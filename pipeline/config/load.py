"""Read params.yaml into `Params`, turning every mistake into one line that names file, key and remedy."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.config.schema import Params
from pipeline.errors import UserError

DEFAULT_PATH = Path("params.yaml")


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, of which PyYAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value} is given twice; remove one"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_params(path: Path | str = DEFAULT_PATH) -> Params:
    """The validated parameters.

    Raises:
        UserError: no such file, not YAML, an unknown key, a wrong type or a value out of range.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; copy one of experiments/*.yaml to it") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); it must be a file of parameters") from error
    # ValueError: an impossible date, not UTF-8; LookupError, AttributeError: a tag, as in `!!int ""`, on what it does not fit.
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise UserError(f"{path}: not valid YAML ({error})") from error
    return parse_params(content, str(path))


def parse_params(content: Any, origin: str = "params.yaml") -> Params:
    """Validate an already parsed mapping; `origin` names it in messages."""
    if not isinstance(content, dict):
        raise UserError(f"{origin}: holds no mapping of parameters; copy one of experiments/*.yaml to it")
    try:
        return Params.model_validate(content)
    except (ValidationError, RecursionError) as error:
        raise UserError(_describe(error, origin)) from error


def _numeric(text: str) -> bool:
    """Whether a text that should have been a number or a truth value looks like one."""
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false", "yes", "no")
    return True


def _describe(error: ValidationError | RecursionError, origin: str) -> str:
    if isinstance(error, RecursionError):
        return f"{origin}: nested too deeply; compare with experiments/digits.yaml"
    errors = error.errors(include_url=False)
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"] if part not in ("conv", "pool", "residual"))
    value = repr(first["input"])
    value = value if len(value) <= 60 else value[:57] + "..."
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown parameter; remove it or correct its name"
    elif first["type"] == "missing":
        message, value = "missing; add it (experiments/digits.yaml shows how)", ""
    elif isinstance(first["input"], str) and first["type"].startswith(("float", "int", "bool")) and _numeric(first["input"]):
        message += "; it was read as text (YAML wants 1.0e-05, not 1e-05, and no quotes)"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    where = f"{origin}: {key}" if key else origin
    shown = f" = {value}" if value and not isinstance(first["input"], dict) else ""
    return f"{where}{shown}: {message}{more}"
