"""The parameters of one stage: the sections that it says it reads, parsed by the classes that own them, and nothing else.

A stage script states what it reads as {path: class}: `partition` for a section, `hcd.joint` for one value of a section,
`blocks.${key}` for the stage's own block. dvc.yaml lists the same paths. Whatever a stage did not state is not there, so it
cannot read what DVC does not watch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

from pipeline.base.errors import UserError
from pipeline.base.sections import Section
from pipeline.base.yaml_file import read_mapping, validate

OWN_BLOCK = "blocks.${key}"
Reads = Mapping[str, Any]


class Parameters:
    """The stated sections as attributes: `parameters.partition`, `parameters.seed`, `parameters.blocks`.

    Under `blocks.${key}`, `blocks` holds the blocks up to that one: the earlier ones decide the shape of its input, and a
    change of them changes its input's bytes, which DVC watches. A section of which single values are stated has no others.
    """

    def __init__(self, sections: Mapping[str, Any]):
        self.__dict__.update(sections)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this stage does not state that it reads {name}; add it to `reads` of STAGE in its script")


def load_parameters(path: Path, reads: Reads, key: str | None = None, lenient: bool = False) -> Parameters:
    """What `reads` states of the file at `path`, for block `key`; `lenient` passes over keys that no section knows.

    Raises:
        UserError: the file cannot be read, or a stated section is missing or invalid.
    """
    content, origin = read_mapping(path), str(path)
    found: dict[str, Any] = {}
    fields: dict[str, list[str]] = {}
    for stated, kind in reads.items():
        name, _, field = stated.partition(".")
        if name not in content and get_origin(kind) is list:  # a list may be left out
            found[name] = []
            continue
        if name not in content:
            raise UserError(f"{origin}: {name}: missing; add it (experiments/digits.yaml shows how)")
        if name not in found:
            whole: Any = dict[str, kind] if name == "blocks" else kind  # type: ignore[valid-type]
            found[name] = validate(whole, content[name], origin, name, lenient)
        if stated == OWN_BLOCK:
            found[name] = _up_to(found[name], key, origin)
        elif field:
            fields.setdefault(name, []).append(field)
    for name, kept in fields.items():
        if name not in reads:
            found[name] = _only(found[name], kept)
    return Parameters(found)


def _up_to(blocks: dict[str, Any], key: str | None, origin: str) -> dict[str, Any]:
    if key not in blocks:
        raise UserError(f"{origin}: blocks has no {key!r}; it has {', '.join(blocks)}")
    keys = list(blocks)
    return {name: blocks[name] for name in keys[: keys.index(key) + 1]}


def _only(section: Section, fields: list[str]) -> Section:
    """The section with these fields alone: asking for another raises AttributeError."""
    found = section.model_copy()
    for name in vars(section).keys() - set(fields):
        del vars(found)[name]
    return found


def described(parameters: Any, names: Sequence[str]) -> dict[str, Any]:
    """The sections `names` of `Parameters` or of a whole `Params` as plain data."""
    found: dict[str, Any] = {}
    for name in names:
        section = getattr(parameters, name)
        if isinstance(section, Mapping):
            found[name] = {key: one.model_dump(mode="json") for key, one in section.items()}
        else:
            found[name] = section.model_dump(mode="json") if isinstance(section, Section) else section
    return found
