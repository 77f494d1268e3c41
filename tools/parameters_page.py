"""Make docs/parameters.md from the docstrings of the parameters: `python -m tools.parameters_page`; --check only compares."""

import argparse
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.config import Params
from tools.dvc_yaml import ORDER
from tools.imports import ROOT

PAGE = ROOT / "docs" / "parameters.md"
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}", "min_length": "at least {} of them"}
HEADER = """\
# Parameters

Made by `python -m tools.parameters_page` from the docstrings in `pipeline/*/params.py`. `params.yaml` holds the parameters in
force; `experiments/` complete files. *Runs again* names the stages that list a parameter; what follows them runs again where
their results change. Why a value was chosen where the paper is silent stands in [assumptions.md](assumptions.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEADER]
    for name, field in Params.model_fields.items():
        section = _section(field.annotation)
        if section is None:
            parts.append(_entry(name, field, "##"))
            continue
        parts.append(f"\n## {name}\n\n`{section.__module__.replace('.', '/')}.py`. {_joined(section.__doc__ or '')}\n")
        parts += [_entry(path, one) for path, one in _rows(name, section)]
    return "".join(parts)


def _rows(prefix: str, section: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """(dotted path, field) of every value of a section; parts of it are walked through."""
    for name, field in section.model_fields.items():
        path = f"{prefix}.{'<block>.' if prefix == 'blocks' else ''}{name}"
        inner = _section(field.annotation)
        if inner is not None and name != "layers":
            yield from _rows(path, inner)
        else:
            yield path, field


def _entry(path: str, field: FieldInfo, level: str = "###") -> str:
    words = _words(field)
    lines = [f"\n{level} `{path}`\n\n{words['text']}\n"]
    default = "none; it must be given" if field.default is PydanticUndefined else f"`{_yaml(field.default)}`"
    facts = {
        "Values": _kind(field), "Unit": words["unit"], "Default": default, "Paper": words["paper"], "Runs again": _stages(path),
    }  # fmt: skip
    lines += [f"\n- {name}: {fact}" for name, fact in facts.items() if fact]
    return "".join(lines) + "\n"


def _words(field: FieldInfo) -> dict[str, str]:
    """The docstring's text, and what stands behind `Unit:` and `Paper:`."""
    text = _joined(field.description or "")
    parts = re.split(r" (Unit|Paper): ", text)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {"text": parts[0], "unit": found.get("Unit", "").rstrip("."), "paper": found.get("Paper", "").rstrip(".")}


def _joined(text: str) -> str:
    return " ".join(text.split())


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()


def _kind(field: FieldInfo) -> str:
    """Type and range in words."""
    bounds = [form.format(getattr(one, bound)) for one in field.metadata for bound, form in BOUNDS.items() if hasattr(one, bound)]
    return ", ".join([_type(field.annotation), *bounds])


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is Annotated:
        bounds = [form.format(getattr(one, bound)) for one in _flat(arguments[1:]) for bound, form in BOUNDS.items()
                  if getattr(one, bound, None) is not None]  # fmt: skip
        return ", ".join([_type(arguments[0]), *bounds])
    if origin in (Union, UnionType):
        return " or ".join("null" if one is type(None) else _type(one) for one in arguments)
    if origin is list:
        inner = _section(annotation)
        return "list" if inner else f"list of {_type(arguments[0])}"
    return {int: "whole number", float: "number", str: "text", bool: "`true` or `false`"}.get(annotation, "list")


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    """The single constraints, also of those that pydantic keeps together in a Field."""
    return [one for entry in metadata for one in getattr(entry, "metadata", [entry])]


def _section(annotation: Any) -> type[BaseModel] | None:
    """The class of a section, also of the values of a mapping or a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _section(one)) is not None), None)


def _stages(path: str) -> str:
    """The stages that list a parameter, in their order."""
    wanted = path.replace("<block>", "${key}")
    named = [name for name in ORDER if any(_covers(listed, wanted) for listed in import_module(f"stages.{name}").STAGE.params)]
    return ", ".join(named)


def _covers(listed: Any, path: str) -> bool:
    return isinstance(listed, str) and (f"{path}.".startswith(f"{listed}.") or f"{listed}.".startswith(f"{path}."))


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is not up to date")
    wanted = page()
    if not parser.parse_args().check:
        PAGE.write_text(wanted, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        sys.exit("docs/parameters.md: not what the parameters say; run `python -m tools.parameters_page`")


if __name__ == "__main__":
    main()
