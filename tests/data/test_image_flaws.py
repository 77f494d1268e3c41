"""Flaws of image sources, each by itself: refused in one line, or read as in a folder."""

import os
import zipfile
from pathlib import Path

import pytest
from image_sources import REFUSED, SIZE, as_zip, outcome, picture
from PIL import EpsImagePlugin, Image

from pipeline.data.folder import read_image_folder

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")
PNG = picture("png", "RGB")
BASE: list[tuple[str, bytes | None]] = [(f"{split}/{name}/1.png", PNG) for split in ("train", "test") for name in ("a", "b")]


def too_long(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return parent / ("x" * 5000)


def name_not_in_utf_8(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    archive = as_zip([*BASE, ("train/a/é.png", PNG)], parent / "images.zip")
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\xc3("))
    return archive


def name_of_no_letters(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    archive = as_zip([*BASE, ("@", PNG)], parent / "images.zip")
    archive.write_bytes(archive.read_bytes().replace(b"@", b"\0"))
    return archive


def name_of_a_dot(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return as_zip([*BASE, (".", PNG)], parent / "images.zip")


def damaged_lzma(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    archive = as_zip(BASE, parent / "images.zip", method=zipfile.ZIP_LZMA)
    content = bytearray(archive.read_bytes())
    start = content.index(b"train/a/1.png") + len("train/a/1.png")
    content[start + 4 : start + 9] = b"\xff" * 5  # the properties of the stream
    archive.write_bytes(content)
    return archive


def postscript(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program for Ghostscript under the name of a picture; here a stand-in takes the place of Ghostscript."""
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **named: Image.new("RGB", (SIZE, SIZE)).im)
    text = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 {SIZE} {SIZE}\n%%EndComments\nshowpage\n%%EOF\n"
    return as_zip([*BASE, ("train/a/2.png", text.encode())], parent / "images.zip")


def member_twice(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return as_zip([*BASE, BASE[0]], parent / "images.zip")


def class_name_that_is_no_text(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bytes that are not UTF-8: the report, hours later, could not write them."""
    for split in ("train", "test"):
        folder = os.path.join(os.fsencode(parent / "images" / split), b"\xff")  # noqa: PTH118
        os.makedirs(folder)  # noqa: PTH103
        with open(os.path.join(folder, b"1.png"), "wb") as stream:  # noqa: PTH118, PTH123
            stream.write(PNG)
    return parent / "images"


def endless_device(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FIFO stands for every path that is neither folder nor file; opening one would wait for ever."""
    os.mkfifo(parent / "images")
    monkeypatch.setattr(zipfile, "ZipFile", lambda path: pytest.fail("opened"))
    return parent / "images"


@pytest.mark.parametrize(
    "make",
    [
        too_long, name_not_in_utf_8, name_of_no_letters, name_of_a_dot, damaged_lzma, postscript, member_twice,
        class_name_that_is_no_text, endless_device,
    ],
)  # fmt: skip
def test_a_flaw_is_refused(make, tmp_path, monkeypatch):
    root = make(tmp_path, monkeypatch)
    assert outcome(root)[0] == REFUSED


def test_a_zip_takes_the_same_images_as_its_folder(tmp_path):
    members = [*BASE, *((name, PNG) for name in ("train/test/1.png", "test/test/1.png", "other/test/b/2.png"))]
    for name, data in members:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(data or b"")
    as_zip(members, tmp_path / "images.zip")
    (_, folder), (_, archive) = (read_image_folder(tmp_path / name, SIZE) for name in ("images", "images.zip"))
    assert [len(folder[split][1]) for split in ("train", "test")] == [len(archive[split][1]) for split in ("train", "test")]
