"""Class-per-folder images: `<root>/train/<class>/*` and `<root>/test/<class>/*`, as a folder or as a zip of one.

A zip is read in place and never unpacked, so a member's name cannot lead anywhere. The split is recognised by its
place in the path (two levels above the image), not by the word: a class may itself be called "train".
"""

import functools
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from pipeline.base.errors import UserError
from pipeline.data.decode import Noted, decode

SPLITS = ("train", "test")
LITTER = ("thumbs.db", "desktop.ini")
"""What Windows leaves in folders. Names that begin with a dot, and __MACOSX, are the other systems'."""
SHOWN = 10
"""Images that cannot be used are named up to this number."""
MAX_FILE_BYTES = 64 * 2**20

Entry = tuple[str, str, str, Callable[[], bytes]]  # split, class, name for messages, reader


def read_image_folder(root: Path, image_size: int) -> tuple[list[str], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Class names and, for each split, images uint8 `[n, 3, H, W]` with labels int64 `[n]`, in the order of their names.

    Raises:
        UserError: nothing there, no class folders, classes that differ between the splits, an image that is
            unreadable, of another size than `image_size`, or of a mode that RGB cannot hold.
    """
    try:
        is_folder, is_file, exists = root.is_dir(), root.is_file(), root.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise UserError(f"params.yaml: data.path cannot be opened ({error.strerror}); correct it") from error
    if not exists:
        raise UserError(f"{root}: data.path names nothing that exists; correct it in params.yaml or put the images there")
    if not is_folder and not is_file:
        raise UserError(f"{root}: data.path is a device or a pipe; it must be a folder or a zip")
    if is_folder:
        return _collect(root, sorted(_folder_entries(root), key=lambda entry: entry[:3]), image_size)
    try:
        with zipfile.ZipFile(root) as archive:
            return _collect(root, sorted(_zip_entries(archive, root), key=lambda entry: entry[:3]), image_size)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise UserError(f"{root}: not a readable zip of images ({error}); data.path must be a folder or a zip") from error


def _place(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """(split, class) of a path such as `.../train/cat/1.png`, or None where it is not of that form."""
    return (parts[-3], parts[-2]) if len(parts) >= 3 and parts[-3] in SPLITS and not _litter(parts) else None


def _litter(parts: tuple[str, ...]) -> bool:
    """Whether an operating system or a program left it there: passed over without a word."""
    return any(map(_hidden, parts)) or parts[-1].lower() in LITTER


def _hidden(part: str) -> bool:
    return part.startswith((".", "__MACOSX"))


def _class_folder(parts: tuple[str, ...], depth: int, is_folder: bool) -> set[str]:
    """The name of the class folder that a path is or lies in, images being `depth` levels down; none if it is in none."""
    inside = len(parts) >= depth - is_folder and parts[depth - 3] in SPLITS and not any(map(_hidden, parts[: depth - 3]))
    return {parts[depth - 2]} if inside else set()


def _left_out(root: Path, others: list[tuple[str, ...]], depth: int, classes: set[str]) -> None:
    """Say which files are in no class folder, and which class folders, `classes`, give no image.

    Raises:
        UserError: some lie deeper inside a class folder, so that images of it would be missing.
    """
    deeper = [parts for parts in others if len(parts) > depth and parts[depth - 3] in SPLITS]
    if deeper:
        raise UserError(
            f"{root}: {len(deeper)} file(s) lie deeper than train/<class>/ or test/<class>/, such as {'/'.join(deeper[0])!r}; "
            "move them into the class folders, or remove them"
        )
    if others:
        print(f"{root}: {len(others)} file(s) in no train/<class>/ or test/<class>/ left out, such as {'/'.join(others[0])!r}")
    if classes:
        named = ", ".join(map(repr, sorted(classes)[:SHOWN])) + ", ..." * (len(classes) > SHOWN)
        print(f"{root}: {len(classes)} class folder(s) left out, hidden or without images: {named}")


def _folder_entries(root: Path) -> Iterator[Entry]:
    others, folders, classes = [], set[str](), set[str]()
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if parts[0] in SPLITS and path.is_symlink() and not path.is_file():
            raise UserError(f"{path}: a broken link or one to a folder; replace it with the images themselves")
        place = _place(parts)
        if place and len(parts) == 3 and path.is_file():
            target = path.resolve()
            if not target.is_relative_to(root.resolve()) and not _in_dvc_cache(target):
                raise UserError(f"{path}: a link out of data.path; replace it with the image itself")
            classes.add(place[1])
            yield *place, str(path), path.read_bytes
        elif path.is_dir():
            folders |= _class_folder(parts, 3, is_folder=True)
        elif not _litter(parts) and path.is_file():
            others.append(parts)
    _left_out(root, others, 3, folders - classes)


def _in_dvc_cache(path: Path) -> bool:
    """Whether a file has the name that DVC's cache gives it: with `cache.type symlink` what `dvc add` took are links to there."""
    return re.fullmatch(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}", path.as_posix()) is not None


def _zip_entries(archive: zipfile.ZipFile, root: Path) -> Iterator[Entry]:
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    paths = [_parts(member.filename) for member in members]
    if len({member.filename for member in members}) < len(members) or not all(paths):
        raise UserError(f"{root}: two members of one name, or one without; make the zip anew")
    depth = 3 if any(len(parts) == 3 and _place(parts) for parts in paths) else 4  # 4: all inside one folder more
    every = [(_parts(member.filename), member.filename.endswith("/")) for member in archive.infolist()]
    folders = set[str]().union(*(_class_folder(parts, depth, is_folder) for parts, is_folder in every))
    others, classes = [], set[str]()
    for member, parts in zip(members, paths, strict=True):
        if ".." in parts or member.filename.startswith(("/", "\\")):
            raise UserError(f"{root}: member {member.filename!r} climbs out of the archive; remove it")
        place = _place(parts)
        if place and len(parts) == depth:
            if member.file_size > MAX_FILE_BYTES:
                raise UserError(f"{root}: member {member.filename!r} unpacks to {member.file_size} bytes; remove it")
            classes.add(place[1])
            yield *place, f"{root}:{member.filename}", functools.partial(archive.read, member)
        elif not _litter(parts):
            others.append(parts)
    _left_out(root, others, depth, folders - classes)


def _parts(member: str) -> tuple[str, ...]:
    """The parts of a member's name; some programs on Windows write backslashes between them."""
    return PurePosixPath(member if "/" in member else member.replace("\\", "/")).parts


def _collect(root: Path, entries: list[Entry], image_size: int) -> tuple[list[str], dict[str, tuple[np.ndarray, np.ndarray]]]:
    classes = {split: sorted({entry[1] for entry in entries if entry[0] == split}) for split in SPLITS}
    for split in SPLITS:
        if not classes[split]:
            raise UserError(f"{root}: no images under {split}/<class>/; data.path needs train/<class>/ and test/<class>/")
    unpaired = sorted(set(classes["train"]) ^ set(classes["test"]))
    if unpaired:
        raise UserError(f"{root}: class {unpaired[0]!r} is in only one of train/ and test/; add its images or remove it")
    names = classes["train"]
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:  # the report could not write it
            raise UserError(f"{root}: class {name!r} has a name that is not UTF-8; rename its folders") from error
    parts, wrong, noted = {}, list[str](), Noted()
    for split in SPLITS:
        chosen = [entry for entry in entries if entry[0] == split]
        images = np.empty((len(chosen), 3, image_size, image_size), dtype=np.uint8)
        for row, (_, _, name, read) in enumerate(tqdm(chosen, desc=f"read {split}", unit="image", mininterval=1.0)):
            try:
                images[row] = decode(read, name, (3, image_size, image_size), noted=noted)
            except UserError as error:
                wrong.append(str(error))
        parts[split] = images, np.array([names.index(entry[1]) for entry in chosen], dtype=np.int64)
    if len(wrong) > 1:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UserError(f"{len(wrong)} images cannot be used: {'; '.join(wrong[:SHOWN])}{more}")
    if wrong:
        raise UserError(wrong[0])
    for what, named in noted.items():
        print(f"{root}: {len(named)} image(s) {what}, such as {named[0]!r}")
    return names, parts
