"""Reading and writing artifacts: atomic, byte-stable, never pickled.

A file or folder appears under its final name only when it is complete, so an interrupted stage leaves nothing half
written. Readers turn a missing, truncated or damaged artifact into one line that names it.
"""

import csv
import hashlib
import json
import math
import os
import shutil
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import safetensors.numpy

from pipeline.base.errors import UserError

DAMAGED_ARRAY = (
    ValueError, OSError, KeyError, EOFError, RuntimeError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy and zipfile raise for a damaged npy or npz, whichever of its bytes it is."""


@contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` as a whole on success."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON with sorted keys; its bytes depend on the content alone."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise missing(path) from error
    except (ValueError, OSError) as error:
        raise damaged(path, error) from error


def write_csv(path: Path | str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under a header; floats in their shortest exact form, None as an empty cell."""
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        # csv quotes what its own line end holds, and so both kinds of line end in a cell.
        lines = SimpleNamespace(write=lambda line: stream.write(line.removesuffix("\r\n") + "\n"))
        writer = csv.writer(lines, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if cell is None else cell for cell in row])


def read_table(path: Path) -> list[dict[str, Any]]:
    """A CSV file as rows; cells that are numbers become float (int where they are written so), empty cells None.

    Raises:
        UserError: missing, or a row does not have the header's cells.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream)) or [[]]
    except FileNotFoundError as error:
        raise missing(path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise damaged(path, error) from error
    if not header or any(len(row) != len(header) for row in rows):
        raise damaged(path, "not a table")
    return [dict(zip(header, map(_cell, row), strict=True)) for row in rows]


def _cell(text: str) -> int | float | str | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None


def write_arrays(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz; its bytes depend on the arrays alone."""
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of an npz.

    Raises:
        UserError: missing or damaged, or a member is.
    """
    try:
        # Opened here, since numpy leaves its own file open where the zip is damaged.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
            stream.seek(-12, os.SEEK_END)  # the zip's own count of its members, which zipfile does not look at
            if int.from_bytes(stream.read(2), "little") != len(arrays):
                raise ValueError("a member is missing")
            return arrays
    except FileNotFoundError as error:
        raise missing(path) from error
    except DAMAGED_ARRAY as error:
        raise damaged(path, error) from error


def write_tensors(path: Path | str, tensors: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write safetensors. The bytes are made in memory, so that a full disk is an OSError as for any other file."""
    content = safetensors.numpy.save(dict(tensors), metadata)
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def read_tensors(path: Path | str) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return safetensors.numpy.load_file(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error


def parameter_count(path: Path) -> int:
    """Number of values in a safetensors file, from its header alone.

    Raises:
        UserError: missing or damaged.
    """
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except FileNotFoundError as error:
        raise missing(path) from error
    except (ValueError, OSError, KeyError, AttributeError, MemoryError, OverflowError) as error:
        raise damaged(path, error) from error


def file_digest(path: Path | str) -> str:
    """The SHA-256 of a file."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise missing(path) from error


def missing(path: Path | str) -> UserError:
    """What to say of an artifact that is not there."""
    return UserError(f"{path}: missing; run `dvc repro` (or `dvc checkout`) to make it")


def damaged(path: Path | str, why: object) -> UserError:
    """What to say of an artifact that cannot be read."""
    return UserError(f"{path}: cannot be read ({why}); delete it and run `dvc repro`, or restore it with `dvc checkout`")
