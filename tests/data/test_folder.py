import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.data.folder import read_image_folder
from pipeline.data.params import DataParams
from pipeline.data.prepare import prepare
from pipeline.data.prepared import load_prepared

CLASSES = ("cat", "dog", "train")  # a class may itself be called "train"
SIZE = 8


def picture(rng, size=(SIZE, SIZE)):
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture
def root(tmp_path):
    """6 training and 4 test images of each class."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 4)):
        for name in CLASSES:
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for number in range(count):
                picture(rng).save(tmp_path / "images" / split / name / f"{number}.png")
    return tmp_path / "images"


def zipped(root, prefix=""):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in root.rglob("*"):
            archive.write(file, prefix + str(file.relative_to(root)))
    return path


def data_params(path, **changes):
    return DataParams(**{
        "source": "image_folder", "path": str(path), "image_size": SIZE,
        "split": {"train": 12, "validation": 6, "test": 9}, **changes,
    })  # fmt: skip


def test_folder_gives_pixels_and_labels_in_the_order_of_names(root):
    names, parts = read_image_folder(root, SIZE)
    images, labels = parts["train"]
    assert names == list(CLASSES)
    assert labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert parts["test"][1].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    expected = np.asarray(Image.open(root / "train" / "train" / "4.png")).transpose(2, 0, 1)
    assert np.array_equal(images[16], expected)
    assert images.dtype == np.uint8


@pytest.mark.parametrize("prefix", ["", "wrapped/", "train/"])
def test_zip_gives_the_same_as_the_folder(root, prefix):
    names, parts = read_image_folder(root, SIZE)
    zip_names, zip_parts = read_image_folder(zipped(root, prefix), SIZE)
    assert zip_names == names
    for split in ("train", "test"):
        assert all(np.array_equal(a, b) for a, b in zip(parts[split], zip_parts[split], strict=True))


@pytest.mark.parametrize("name", ["images", "train", ".hidden"])
def test_the_name_of_the_root_does_not_matter(root, name):
    moved = root.rename(root.parent / name)
    assert read_image_folder(moved, SIZE)[0] == list(CLASSES)


def test_a_relative_root_works(root, monkeypatch):
    monkeypatch.chdir(root / "train")
    assert read_image_folder(type(root)(".."), SIZE)[0] == list(CLASSES)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "P", "1", "YCbCr"])
def test_other_8_bit_modes_become_rgb(root, mode):
    path = root / "train" / "cat" / "0.png"
    image = Image.new("RGB", (SIZE, SIZE), (255, 255, 255)).convert(mode)
    path.unlink()
    image.save(path.with_suffix(".tif"), format="JPEG" if mode == "YCbCr" else "TIFF")
    images, _ = read_image_folder(root, SIZE)[1]["train"]
    assert images[0].shape == (3, SIZE, SIZE)
    assert images[0].min() >= 254


def test_system_files_are_passed_over(root):
    (root / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (root / "train" / "readme.txt").write_text("x")
    (root / "__MACOSX" / "train").mkdir(parents=True)
    assert len(read_image_folder(root, SIZE)[1]["train"][1]) == 18


def wrong_size(root):
    picture(np.random.default_rng(1), (9, 8)).save(root / "train" / "dog" / "2.png")


def sixteen_bit(root):
    Image.fromarray(np.full((SIZE, SIZE), 40_000, dtype=np.uint16)).save(root / "train" / "dog" / "2.png")


def floating(root):
    (root / "train" / "dog" / "2.png").unlink()
    Image.fromarray(np.full((SIZE, SIZE), 0.5, dtype=np.float32)).save(root / "train" / "dog" / "2.tif")


def text(root):
    (root / "train" / "dog" / "2.png").write_text("not an image")


def empty(root):
    (root / "train" / "dog" / "2.png").write_bytes(b"")


def truncated(root):
    path = root / "train" / "dog" / "2.png"
    path.write_bytes(path.read_bytes()[:-60])


def huge(root):
    """A PNG that claims 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"0")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (root / "train" / "dog" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def only_in_train(root):
    (root / "train" / "ant").mkdir()
    picture(np.random.default_rng(1)).save(root / "train" / "ant" / "0.png")


def no_test(root):
    (root / "test").rename(root / "tests")


SPOILT = {
    "wrong size": (wrong_size, ("dog/2.png", "9x8 pixels where data.image_size is 8")),
    "16 bit": (sixteen_bit, ("dog/2.png", "image mode I;16 does not fit 8-bit RGB")),
    "floating point": (floating, ("dog/2.tif", "image mode F does not fit 8-bit RGB")),
    "text": (text, ("dog/2.png", "not a readable image")),
    "empty": (empty, ("dog/2.png", "not a readable image")),
    "truncated": (truncated, ("dog/2.png", "not a readable image")),
    "huge": (huge, ("dog/2.png",)),
    "class in one split": (only_in_train, ("class 'ant' is in only one of train/ and test/",)),
    "no test": (no_test, ("no images under test/<class>/",)),
}


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_source_is_one_line_and_writes_nothing(spoil, words, as_zip, root, tmp_path, refusal):
    spoil(root)
    path = zipped(root) if as_zip else root
    line = refusal(prepare, data_params(path), 0, tmp_path / "prepared", tmp_path)
    assert line.startswith(str(path))
    assert all(word in line for word in words), line
    assert not list(tmp_path.glob("prepared/*"))


def test_missing_path(tmp_path, refusal):
    line = refusal(prepare, data_params(tmp_path / "nowhere"), 0, tmp_path / "prepared", tmp_path)
    assert line.startswith(f"{tmp_path / 'nowhere'}: data.path names nothing that exists")


def test_empty_folder(tmp_path, refusal):
    (tmp_path / "images").mkdir()
    assert "no images under train/<class>/" in refusal(read_image_folder, tmp_path / "images", SIZE)


def test_class_with_too_few_images(root, tmp_path, refusal):
    for number in range(1, 6):
        (root / "train" / "dog" / f"{number}.png").unlink()
    params = data_params(root, split={"train": 8, "validation": 4, "test": 9})
    line = refusal(prepare, params, 0, tmp_path / "prepared", tmp_path)
    assert line.startswith("params.yaml: data.split")
    assert "1 image" in line
    assert not list(tmp_path.glob("prepared/*"))


@pytest.mark.parametrize("content", [b"no zip", b"", b"PK\x03\x04 cut off"])
def test_a_zip_that_is_not_a_zip(content, tmp_path, refusal):
    path = tmp_path / "images.zip"
    path.write_bytes(content)
    assert refusal(read_image_folder, path, SIZE).startswith(f"{path}: not a readable zip of images")


@pytest.mark.parametrize("name", ["../evil/train/cat/1.png", "/train/cat/1.png", "train/../../cat/1.png"])
def test_a_member_that_climbs_out_is_refused(name, root, refusal):
    path = zipped(root)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    line = refusal(read_image_folder, path, SIZE)
    assert line.startswith(f"{path}: member {name!r} climbs out")


def test_a_damaged_member_is_named(root, refusal):
    path = zipped(root)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("train/dog/2.png")
    content = bytearray(path.read_bytes())
    start = member.header_offset + 30 + len(member.filename)
    content[start : start + 16] = b"\xff" * 16  # not a deflate stream
    path.write_bytes(content)
    assert refusal(read_image_folder, path, SIZE).startswith(f"{path}:train/dog/2.png")


def test_an_encrypted_member_is_named(root, refusal):
    path = zipped(root)
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("train/dog/2.png").header_offset
        central = archive.start_dir
    content = bytearray(path.read_bytes())
    content[offset + 6] |= 1
    entry = content.index(b"train/dog/2.png", central) - 46
    content[entry + 8] |= 1
    path.write_bytes(content)
    assert refusal(read_image_folder, path, SIZE).startswith(f"{path}:train/dog/2.png")


def test_a_link_to_an_image_outside_is_refused(root, tmp_path, refusal):
    outside = tmp_path / "outside.png"
    picture(np.random.default_rng(1)).save(outside)
    (root / "train" / "cat" / "9.png").symlink_to(outside)
    line = refusal(read_image_folder, root, SIZE)
    assert line == f"{root / 'train/cat/9.png'}: a link out of data.path; replace it with the image itself"


def test_a_link_inside_the_folder_is_followed(root):
    (root / "train" / "cat" / "9.png").symlink_to(root / "train" / "cat" / "0.png")
    images, _ = read_image_folder(root, SIZE)[1]["train"]
    assert np.array_equal(images[6], images[0])


def test_linked_class_folders_are_not_dropped_silently(root, tmp_path, refusal):
    for split in ("train", "test"):
        (root / split / "cat").rename(tmp_path / f"{split}_cat")
        (root / split / "cat").symlink_to(tmp_path / f"{split}_cat")
    assert "cat" in refusal(read_image_folder, root, SIZE)


def test_a_broken_link_is_not_dropped_silently(root, refusal):
    (root / "train" / "cat" / "9.png").symlink_to(root / "gone.png")
    assert "cat/9.png" in refusal(read_image_folder, root, SIZE)


def test_image_folder_keeps_its_own_test_set(root, tmp_path):
    prepare(data_params(root, split={"train": 12, "validation": 6, "test": 12}), 0, tmp_path / "prepared", tmp_path)
    _, parts = read_image_folder(root, SIZE)
    assert np.array_equal(load_prepared(tmp_path / "prepared", "test").images, parts["test"][0])
