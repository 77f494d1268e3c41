"""Reading YAML strictly, and turning a mistake in it into one line that names file, key, value and remedy."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.base.errors import UserError

Parsed = TypeVar("Parsed")


class _Loader(yaml.SafeLoader):
    """Safe YAML, its truth values and numbers those of YAML 1.2, as DVC reads and writes them: 5e-05 is a number, yes is a text.

    A key given twice is refused, of which PyYAML would silently keep the last.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value} is given twice; remove one"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """An int or float of YAML 1.2: no octal without 0o, no sexagesimal."""
        text = str(self.construct_scalar(node)).replace("_", "").lower()
        if node.tag.endswith(":float"):
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        digits = text.lstrip("+-")
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
        return int(text.replace(digits, digits[2:]) if base != 10 else text, base)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag.rpartition(":")[2] not in ("bool", "int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# The forms of ruamel.yaml, which DVC reads with.
for _kind, _form, _starts in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("float", r"[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9_]+([eE][-+][0-9]+)?"
     r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+0123456789."),
    ("int", "[-+]?(0b[0-1_]+|0o[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)", "-+0123456789"),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_form})$"), list(_starts))
    if _kind != "bool":
        _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def read_mapping(path: Path) -> dict[str, Any]:
    """The content of a file of parameters, not yet validated.

    Raises:
        UserError: no such file, not YAML, or no mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; copy one of experiments/*.yaml to it") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); it must be a file of parameters") from error
    # ValueError: an impossible date, not UTF-8; LookupError, AttributeError: a tag, as in `!!int ""`, on what it does not fit.
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise UserError(f"{path}: not valid YAML ({error})") from error
    return as_mapping(content, str(path))


def as_mapping(content: Any, origin: str) -> dict[str, Any]:
    """`content` if it is a mapping; `origin` names it in the message."""
    if not isinstance(content, dict):
        raise UserError(f"{origin}: holds no mapping of parameters; copy one of experiments/*.yaml to it")
    return content


def validate(kind: Any, content: Any, origin: str, key: str = "", lenient: bool = False) -> Any:
    """`content` as `kind`, a Section class or a type such as dict[str, BlockParams]; `key` is where it stands in `origin`.
    `lenient` passes over unknown keys.

    Raises:
        UserError: an unknown key, a wrong type or a value out of range.
    """
    try:
        return TypeAdapter(kind).validate_python(content, strict=True, extra="ignore" if lenient else None)
    except (ValidationError, RecursionError) as error:
        raise UserError(_describe(error, origin, key)) from error


def _numeric(text: str) -> bool:
    """Whether a text that should have been a number or a truth value looks like one."""
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false", "yes", "no")
    return True


def _describe(error: ValidationError | RecursionError, origin: str, prefix: str) -> str:
    if isinstance(error, RecursionError):
        return f"{origin}: nested too deeply; compare with experiments/digits.yaml"
    errors = error.errors(include_url=False)
    first = errors[0]
    # The names of alternatives, such as `residual` or `constrained-float`, are not keys of the file.
    parts = [str(part) for part in first["loc"] if not _alternative(part, first["loc"])]
    key = ".".join([*([prefix] if prefix else []), *parts])
    value = repr(first["input"])
    value = value if len(value) <= 60 else value[:57] + "..."
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown parameter; remove it or correct its name"
    elif first["type"] == "missing":
        message, value = "missing; add it (experiments/digits.yaml shows how)", ""
    elif isinstance(first["input"], str) and first["type"].startswith(("float", "int", "bool")) and _numeric(first["input"]):
        message += "; it was read as text (write numbers without quotes, true or false for truth)"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    where = f"{origin}: {key}" if key else origin
    shown = f" = {value}" if value and not isinstance(first["input"], dict) else ""
    return f"{where}{shown}: {message}{more}"


def _alternative(part: int | str, location: tuple[int | str, ...]) -> bool:
    """Whether a part of pydantic's location names one of several types rather than a key."""
    if not isinstance(part, str):
        return False
    before = location[location.index(part) - 1] if location.index(part) else None
    return (
        "[" in part
        or part in ("float", "int", "constrained-float")
        or (part in ("conv", "pool", "max_pool", "residual") and isinstance(before, int))
    )
