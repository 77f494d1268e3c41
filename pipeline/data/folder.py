"""Class-per-folder images: `<root>/train/<class>/*` and `<root>/test/<class>/*`, as a folder or as a zip of one.

A zip is read in place and never unpacked, so a member's name cannot lead anywhere. The split is recognised by its
place in the path (two levels above the image), not by the word: a class may itself be called "train".
"""

import functools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from pipeline.base.errors import UserError
from pipeline.data.decode import decode

SPLITS = ("train", "test")
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
    if len(parts) < 3 or parts[-3] not in SPLITS or any(part.startswith((".", "__MACOSX")) for part in parts):
        return None
    return parts[-3], parts[-2]


def _folder_entries(root: Path) -> Iterator[Entry]:
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if parts[0] in SPLITS and path.is_symlink() and not path.is_file():
            raise UserError(f"{path}: a broken link or one to a folder; replace it with the images themselves")
        place = _place(parts)
        if place and len(parts) == 3 and path.is_file():
            if not path.resolve().is_relative_to(root.resolve()):
                raise UserError(f"{path}: a link out of data.path; replace it with the image itself")
            yield *place, str(path), path.read_bytes


def _zip_entries(archive: zipfile.ZipFile, root: Path) -> Iterator[Entry]:
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    if len({member.filename for member in members}) < len(members) or any(not member.filename for member in members):
        raise UserError(f"{root}: two members of one name, or one without; make the zip anew")
    paths = [PurePosixPath(member.filename).parts for member in members]
    depth = 3 if any(len(parts) == 3 and _place(parts) for parts in paths) else 4  # 4: all inside one folder more
    for member, parts in zip(members, paths, strict=True):
        if ".." in parts or member.filename.startswith(("/", "\\")):
            raise UserError(f"{root}: member {member.filename!r} climbs out of the archive; remove it")
        place = _place(parts)
        if place and len(parts) == depth:
            if member.file_size > MAX_FILE_BYTES:
                raise UserError(f"{root}: member {member.filename!r} unpacks to {member.file_size} bytes; remove it")
            yield *place, f"{root}:{member.filename}", functools.partial(archive.read, member)


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
    parts = {}
    for split in SPLITS:
        chosen = [entry for entry in entries if entry[0] == split]
        images = np.empty((len(chosen), 3, image_size, image_size), dtype=np.uint8)
        for row, (_, _, name, read) in enumerate(tqdm(chosen, desc=f"read {split}", unit="image", mininterval=1.0)):
            images[row] = decode(read, name, (3, image_size, image_size))
        parts[split] = images, np.array([names.index(entry[1]) for entry in chosen], dtype=np.int64)
    return names, parts
