"""Small image folders and zips with every kind of flaw, made by hypothesis together with what must come of reading them."""

import functools
import io
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.data.folder import read_image_folder

SIZE = 4
FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "gif": "GIF", "tif": "TIFF", "webp": "WEBP"}
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F")
NOT_RGB = {"LAB", "I;16", "I;16B", "I", "F"}  # what 8-bit RGB cannot hold, or not without a profile
READ, REFUSED, EITHER = "read", "refused", "read or refused"


@dataclass(frozen=True)
class File:
    """Bytes, whether they are a picture that must be read, and its pixels `[3, H, W]` if so."""

    data: bytes
    verdict: str
    pixels: np.ndarray | None = field(default=None, compare=False)


def picture(kind: str, mode: str, size: tuple[int, int] = (SIZE, SIZE), seed: int = 0) -> bytes:
    """An encoded picture of noise; raises what Pillow raises for a mode that the format cannot hold."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 200)
    elif mode == "LAB":
        image = Image.frombytes("LAB", size, noise[..., :3].tobytes())
    else:
        image = Image.fromarray(noise if mode in ("LA", "RGBA") else noise[..., :3]).convert(mode)
    stream = io.BytesIO()
    image.save(stream, FORMATS[kind])
    return stream.getvalue()


@functools.cache
def pictures() -> list[File]:
    """A picture of the right size in every format and mode that go together."""
    found = []
    for number, (kind, mode) in enumerate((kind, mode) for kind in FORMATS for mode in MODES):
        try:
            data = picture(kind, mode, seed=number)
        except (OSError, ValueError, KeyError):
            continue
        with Image.open(io.BytesIO(data)) as image:
            fits = image.mode not in NOT_RGB
            pixels = on_white(np.asarray(image.convert("RGBA"))).transpose(2, 0, 1) if fits else None
        found.append(File(data, READ if fits else REFUSED, pixels))
    noise = np.random.default_rng(0).integers(0, 2**16, (SIZE, SIZE, 4))
    deep = [File(png(noise[..., :3], 16), READ, (noise[..., :3] >> 8).astype(np.uint8).transpose(2, 0, 1))]
    return [*found, *deep, File(png(noise[..., :1], 16), REFUSED), File(png(noise[..., :3], 16, noise[0, 0, :3]), REFUSED)]


def on_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]` of what uint8 `[H, W, 4]` shows on white paper."""
    alpha = rgba[..., 3:] / 255
    return np.round(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def png(pixels: np.ndarray, depth: int, transparent: np.ndarray | None = None) -> bytes:
    """A PNG of `[H, W, C]`, 1 to 4 channels of `depth` bits, written without Pillow; `transparent` is a colour that stands for
    transparency."""
    height, width, channels = pixels.shape
    bits = (pixels[..., None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, (0, 4, 2, 6)[channels - 1], 0, 0, 0)
    colour = [] if transparent is None else [(b"tRNS", transparent.astype(">u2").tobytes())]
    return b"\x89PNG\r\n\x1a\n" + _chunks(
        (b"IHDR", header), *colour, (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))), (b"IEND", b"")
    )


def _chunks(*named: tuple[bytes, bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in named)


def claims_to_be(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises `width` x `height` pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunks((b"IHDR", header), (b"IDAT", zlib.compress(b"0")), (b"IEND", b""))


def cut(source: File, share: float) -> File:
    return File(source.data[: int(share * len(source.data))], EITHER)


def changed(data: bytes, places: list[tuple[float, int]]) -> bytes:
    """`data` with some bytes, given by their place from 0 to 1, set to other values."""
    new = bytearray(data)
    for place, value in places:
        new[int(place * (len(new) - 1))] = value
    return bytes(new)


SHARES = st.floats(0.0, 1.0, exclude_max=True)
CHANGES = st.lists(st.tuples(SHARES, st.integers(0, 255)), min_size=1, max_size=4)
SIDES = st.integers(2, 8)


def sound() -> st.SearchStrategy[File]:
    return st.sampled_from([found for found in pictures() if found.verdict == READ])


def spoilt() -> st.SearchStrategy[File]:
    """Files that are no picture, not a whole one, or one that does not fit."""
    every = pictures()
    other = st.tuples(SIDES, SIDES).filter(lambda sides: sides != (SIZE, SIZE))
    huge = st.integers(4_000, 2**31 - 1)
    return st.one_of(
        st.sampled_from([found for found in every if found.verdict == REFUSED]),
        st.builds(lambda kind, size: File(picture(kind, "RGB", size), REFUSED), st.sampled_from(sorted(FORMATS)), other),
        st.builds(lambda width, height: File(claims_to_be(width, height), REFUSED), huge, huge),
        st.builds(lambda text: File(text.encode(), REFUSED), st.text(max_size=30)),
        st.integers(1, 2**20).map(lambda length: File(bytes(length), REFUSED)),
        st.builds(cut, st.sampled_from(every), SHARES),
        st.builds(lambda source, places: File(changed(source.data, places), EITHER), st.sampled_from(every), CHANGES),
    )


def _is_name(text: str) -> bool:
    return text not in (".", "..") and len(text.encode()) <= 120


LETTERS = st.characters(codec="utf-8", exclude_characters="/\0")
ODD = [
    "train",
    "test",
    " ",
    ".hidden",
    "__MACOSX",
    "a" * 120,
    "-rf",
    "a b",
    "naïve",
    "猫",
    "\U0001f408",
    "x\ny",
    "C:",
    "~",
    "...",
]
NAMES = st.sampled_from(ODD) | st.text(LETTERS, min_size=1, max_size=12).filter(_is_name)


def alike(name: str) -> str:
    """The same for names that some file systems take for one."""
    return unicodedata.normalize("NFKC", name).casefold()


@dataclass
class Plan:
    """Files by split, class and name, with things that are passed over."""

    splits: dict[str, dict[str, dict[str, File]]]
    strays: list[str]

    def shown(self, split: str) -> dict[str, dict[str, File]]:
        """What counts of a split: classes and files that are not system files, no class without files."""
        visible = {
            name: {file: content for file, content in sorted(files.items()) if not file.startswith((".", "__MACOSX"))}
            for name, files in sorted(self.splits.get(split, {}).items())
            if not name.startswith((".", "__MACOSX"))
        }
        return {name: files for name, files in visible.items() if files}

    def verdict(self) -> str:
        """What must come of reading it."""
        train, test = self.shown("train"), self.shown("test")
        found = {content.verdict for classes in (train, test) for files in classes.values() for content in files.values()}
        if not train or set(train) != set(test) or REFUSED in found:
            return REFUSED
        return EITHER if EITHER in found else READ

    def members(self) -> list[tuple[str, bytes | None]]:
        """Paths and contents, None for a folder that is to be there even if it is empty."""
        found: list[tuple[str, bytes | None]] = [(stray, b"stray") for stray in self.strays]
        for split, classes in self.splits.items():
            for name, files in classes.items():
                found += [(f"{split}/{name}", None), *((f"{split}/{name}/{file}", files[file].data) for file in files)]
        return found


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Mostly sound: one to three classes, in both splits, with a file spoilt in about every second plan."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=alike))
    spoil = draw(st.booleans())
    splits: dict[str, dict[str, dict[str, File]]] = {}
    for split in draw(st.sampled_from([("train", "test")] * 6 + [("train",), ("test",), ()])):
        chosen = names if draw(st.integers(0, 4)) else draw(st.lists(st.sampled_from(names), unique=True))
        least = 1 if draw(st.integers(0, 4)) else 0
        files = st.lists(NAMES, min_size=least, max_size=2, unique_by=alike)
        splits[split] = {name: {file: draw(sound()) for file in draw(files)} for name in chosen}
    everything = [(files, file) for classes in splits.values() for files in classes.values() for file in files]
    if spoil and everything:
        files, file = draw(st.sampled_from(everything))
        files[file] = draw(spoilt())
    strays = ["readme.txt", "train/readme.txt", "other/a/1.png", ".git/train/1.png", "__MACOSX/train/a/1.png"]
    return Plan(splits, draw(st.lists(st.sampled_from(strays), max_size=2, unique=True)))


def as_folder(plan: Plan, root: Path) -> Path:
    root.mkdir()
    for name, data in plan.members():
        path = root / name
        (path if data is None else path.parent).mkdir(parents=True, exist_ok=True)
        if data is not None:
            path.write_bytes(data)
    return root


def as_zip(members: list[tuple[str, bytes | None]], path: Path, prefix: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(prefix + name + ("/" if data is None else ""), data or b"")
    return path


def listing(folder: Path) -> set[tuple[str, int]]:
    """Names, kinds and sizes of everything under a folder, links not followed."""
    return {(str(path), path.lstat().st_size) for path in folder.rglob("*") if not (path.is_dir() and not path.is_symlink())}


def outcome(root: Path) -> tuple[str, object]:
    """What reading gives: (READ, its result) or (REFUSED, its one line). Nothing may be written."""
    before = listing(root.parent)
    try:
        result: tuple[str, object] = READ, read_image_folder(root, SIZE)
    except UserError as error:
        assert str(error) and len(str(error).splitlines()) == 1
        result = REFUSED, str(error)
    assert listing(root.parent) == before
    return result
