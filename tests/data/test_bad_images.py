"""Whatever lies in an image folder or a zip: it is read rightly, or refused in one line, and nothing is written elsewhere."""

import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_sources import (
    CHANGES,
    EITHER,
    NAMES,
    READ,
    REFUSED,
    SIZE,
    Plan,
    alike,
    as_folder,
    as_zip,
    changed,
    listing,
    outcome,
    picture,
    plans,
    sound,
)  # fmt: skip

from pipeline.base.errors import UserError
from pipeline.data.params import DataParams
from pipeline.data.prepare import prepare

# Pillow warns beside reading (a palette with transparency) or before refusing (many pixels); here only the outcome counts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
PNG = picture("png", "RGB")
BASE: list[tuple[str, bytes | None]] = [(f"{split}/{name}/1.png", PNG) for split in ("train", "test") for name in ("a", "b")]
quietly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder for one example."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)


def check(plan: Plan, root: Path) -> None:
    """Reading `root`, made from `plan`, comes out as the plan says, to the pixel."""
    verdict, result = outcome(root)
    assert plan.verdict() in (verdict, EITHER), result
    if verdict == REFUSED:
        return
    names, parts = result  # type: ignore[misc]
    assert names == list(plan.shown("train"))
    for split in ("train", "test"):
        images, labels = parts[split]
        shown = plan.shown(split)
        assert images.shape == (len(labels), 3, SIZE, SIZE) and images.dtype == np.uint8
        assert labels.tolist() == [names.index(name) for name in shown for _ in shown[name]]
        for image, content in zip(images, (shown[name][file] for name in shown for file in shown[name]), strict=True):
            assert content.pixels is None or np.abs(image.astype(int) - content.pixels).max() <= 1  # rounded on white


@settings(quietly, max_examples=150)
@given(plan=plans())
def test_any_folder(plan, tmp_path):
    with scratch(tmp_path) as parent:
        check(plan, as_folder(plan, parent / "images"))


@settings(quietly, max_examples=150)
@given(
    plan=plans(),
    prefix=st.sampled_from(["", "wrapped/", "naïve dir/"]),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
)
def test_any_zip(plan, prefix, method, tmp_path):
    with scratch(tmp_path) as parent:
        check(plan, as_zip(plan.members(), parent / "images.zip", prefix, method))


PLACES = ["train/a/l.png", "test/b/l.png", "train/a/.l.png", "train/l.png", "train/c", "l.png", "other", "train/a/sub/l.png"]
TARGETS = {
    "inside": "train/b/1.png", "upwards": "../../train/b/1.png", "outside": "../../../outside/1.png", "itself": "l.png",
    "folder": "..", "nothing": "gone", "absolute": "/etc/hostname", "top": "/",
}  # fmt: skip


@settings(quietly, max_examples=80)
@given(links=st.dictionaries(st.sampled_from(PLACES), st.sampled_from(sorted(TARGETS)), min_size=1, max_size=3))
def test_any_links(links, tmp_path):
    with scratch(tmp_path) as parent:
        (parent / "outside").mkdir()
        (parent / "outside/1.png").write_bytes(picture("png", "RGB", seed=1))
        root = parent / "images"
        for name, data in BASE:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data or b"")
        for place, target in links.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).symlink_to(root / TARGETS["inside"] if target == "inside" else TARGETS[target])
        verdict, result = outcome(root)
        dangling = any(place.startswith(("train", "test")) and not (root / place).is_file() for place in links)
        images = [place for place in links if place in PLACES[:2] and (root / place).is_file()]
        deeper = (root / PLACES[-1]).is_file()
        leaving = any(not (root / place).resolve().is_relative_to(root.resolve()) for place in images)
        assert verdict == (REFUSED if dangling or leaving or deeper else READ), result
        if verdict == READ:
            _, parts = result  # type: ignore[misc]
            assert sum(len(labels) for _, labels in parts.values()) == len(BASE) + len(images)


PARTS = st.sampled_from(["..", ".", "train", "test", "a", "new", "C:", "~", "1.png", "", "$HOME", "con"]) | NAMES


@settings(quietly, max_examples=80)
@given(
    start=st.sampled_from(["", "/", "\\", "//", "C:/", "C:\\"]),
    parts=st.lists(PARTS, min_size=1, max_size=6),
    slash=st.booleans(),
)
def test_any_member_name(start, parts, slash, tmp_path):
    """Preparing from a zip with such a member writes in its own folder alone."""
    member = start + ("/" if slash else "\\").join(parts) or "x"
    with scratch(tmp_path) as parent:
        archive, target = parent / "deep/deeper/images.zip", parent / "deep/deeper/prepared"
        archive.parent.mkdir(parents=True)
        more = [(path.replace("1.png", f"{number}.png"), data) for path, data in BASE for number in (1, 2)]
        as_zip(list(dict([*more, (member, PNG)]).items()), archive)
        before = listing(parent)
        sizes = {"train": 2, "validation": 2, "test": 2}
        params = {"source": "image_folder", "path": str(archive), "image_size": SIZE, "split": sizes}
        try:
            prepare(DataParams(**params), 0, target, target)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
        else:
            climbs = ".." in member.split("/") or member.startswith(("/", "\\"))
            assert member.endswith("/") or not climbs  # a folder's own entry holds nothing
        written = {path for path, _ in listing(parent) - before}
        assert all(Path(path).is_relative_to(target) for path in written)


@settings(quietly, max_examples=100)
@given(method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]), places=CHANGES, content=sound())
def test_any_changed_bytes_in_a_zip(method, places, content, tmp_path):
    with scratch(tmp_path) as parent:
        archive = as_zip([*BASE, ("train/a/2.png", content.data)], parent / "images.zip", method=method)
        archive.write_bytes(changed(archive.read_bytes(), places))
        outcome(archive)


@settings(quietly, max_examples=20)
@given(megabytes=st.integers(1, 8), claimed=st.sampled_from([None, 10, 65 * 2**20, 2**32 - 2]))
def test_members_that_unpack_to_much(megabytes, claimed, tmp_path):
    """A member that deflates a thousandfold, and one whose stated size is a lie."""
    with scratch(tmp_path) as parent:
        archive = as_zip([*BASE, ("train/a/2.png", bytes(megabytes * 2**20))], parent / "images.zip")
        content = bytearray(archive.read_bytes())
        if claimed is not None:
            struct.pack_into("<I", content, content.rindex(b"PK\1\2") + 24, claimed)
            archive.write_bytes(content)
        verdict, line = outcome(archive)
        assert verdict == REFUSED and "train/a/2.png" in str(line)


@settings(max_examples=30)
@given(names=st.lists(NAMES, min_size=2, max_size=2, unique_by=alike))
def test_a_class_in_one_split_only(names):
    shown = [name for name in names if not name.startswith((".", "__MACOSX"))]
    with tempfile.TemporaryDirectory() as parent:
        archive = as_zip([(f"train/{names[0]}/1.png", PNG), (f"test/{names[1]}/1.png", PNG)], Path(parent) / "images.zip")
        verdict, line = outcome(archive)
    assert verdict == REFUSED
    assert ("is in only one of train/ and test/" in str(line)) == (len(shown) == 2)
