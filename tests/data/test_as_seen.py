"""Images are trained on as a person sees them, or refused by name; nothing is left out without a word."""

import io
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from image_sources import REFUSED, SIZE, as_zip, on_white, outcome, png
from PIL import Image, ImageCms

from pipeline.data.decode import decode
from pipeline.data.folder import read_image_folder
from pipeline.data.params import DataParams
from pipeline.data.prepare import prepare
from tools.imports import ROOT

SHAPE = (3, SIZE, SIZE)
NOISE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **how) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def shown(data: bytes) -> np.ndarray:
    """[H, W, 3] as decoded."""
    return decode(lambda: data, "x", SHAPE).transpose(1, 2, 0)


PNG = encoded(Image.fromarray(NOISE), "PNG")
TURNS = {
    1: lambda seen: seen, 2: lambda seen: seen[:, ::-1], 3: lambda seen: np.rot90(seen, 2), 4: lambda seen: seen[::-1],
    5: lambda seen: seen.swapaxes(0, 1), 6: lambda seen: np.rot90(seen, 3), 7: lambda seen: np.rot90(seen, 2).swapaxes(0, 1),
    8: lambda seen: np.rot90(seen, 1),
}  # fmt: skip
"""What sets a picture upright, by EXIF orientation."""


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_turned_picture_is_set_upright(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, turned = (encoded(Image.fromarray(NOISE), kind, **how) for how in ({}, {"exif": exif}))
    assert np.array_equal(shown(turned), TURNS[orientation](shown(plain)))
    assert kind in ("JPEG", "WEBP") or np.array_equal(shown(plain), NOISE)


COLOUR, ALPHA, GREY = (200, 100, 30), 64, 80
SEEN = [round(value * ALPHA / 255 + 255 * (1 - ALPHA / 255)) for value in COLOUR]
PLAIN = Image.new("RGB", (SIZE, SIZE), COLOUR)
FLAT = {
    "1": (Image.new("1", (SIZE, SIZE), 1), 255), "L": (Image.new("L", (SIZE, SIZE), GREY), GREY),
    "LA": (Image.new("LA", (SIZE, SIZE), (GREY, ALPHA)), round(GREY * ALPHA / 255 + 255 * (1 - ALPHA / 255))),
    "P": (PLAIN.quantize(2), COLOUR), "PA": (PLAIN.quantize(2).convert("PA"), COLOUR), "RGB": (PLAIN, COLOUR),
    "RGBA": (Image.new("RGBA", (SIZE, SIZE), (*COLOUR, ALPHA)), SEEN), "RGBX": (PLAIN.convert("RGBX"), COLOUR),
    "RGBa": (Image.new("RGBA", (SIZE, SIZE), (*COLOUR, ALPHA)).convert("RGBa"), SEEN),
    "YCbCr": (PLAIN.convert("YCbCr"), COLOUR), "CMYK": (PLAIN.convert("CMYK"), COLOUR), "HSV": (PLAIN.convert("HSV"), COLOUR),
    "LAB": (Image.new("LAB", (SIZE, SIZE), (50, 100, 150)), None), "I": (Image.new("I", (SIZE, SIZE), 70_000), None),
    "F": (Image.new("F", (SIZE, SIZE), 0.5), None), "I;16": (Image.new("I;16", (SIZE, SIZE), 50_000), None),
    "I;16B": (Image.new("I;16B", (SIZE, SIZE), 50_000), None),
}  # fmt: skip
"""A picture of one colour in each mode of Pillow, and what a person sees; None for what 8 bits cannot hold."""
CONVERTED = {
    "JPEG": ("1", "L", "RGB", "RGBX", "CMYK", "YCbCr"), "GIF": ("1", "L", "P", "RGB"),
    "WEBP": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"),
    "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "F", "I;16", "I;16B"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B"), "BMP": ("1", "L", "P", "RGB"),
    "PPM": ("1", "L", "RGB", "I", "F", "I;16"),
}  # fmt: skip
"""Modes that a format holds, or that Pillow turns into one that it holds without a loss that is seen."""


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in CONVERTED.items() for mode in modes])
def test_every_mode_is_taken_as_it_is_seen_or_refused(kind, mode, refusal):
    image, seen = FLAT[mode]
    data = encoded(image, kind)
    if seen is None:
        assert "x: image mode" in refusal(decode, lambda: data, "x", SHAPE)
    else:
        assert np.abs(shown(data).astype(int) - seen).max() <= 3  # JPEG and WebP round


def deep(channels, depth):
    """Noise of so many bits, and what is seen of it in 8."""
    pixels = np.random.default_rng(channels).integers(0, 2**depth, (SIZE, SIZE, channels))
    eight = (pixels >> 8 if depth == 16 else pixels * (255 // (2**depth - 1))).astype(np.uint8)
    colours = np.broadcast_to(eight[..., : channels - 1 + channels % 2], (SIZE, SIZE, 3))
    opaque = np.full((SIZE, SIZE, 1), 255, np.uint8)
    return pixels, on_white(np.concatenate([colours, opaque if channels % 2 else eight[..., -1:]], axis=2))


@pytest.mark.parametrize(
    ("channels", "depth", "works"),
    [(1, 1, True), (1, 2, True), (1, 4, True), (1, 8, True), (2, 8, True), (3, 8, True), (4, 8, True),
     (1, 16, False), (2, 16, True), (3, 16, True), (4, 16, True)],
)  # fmt: skip
def test_pngs_of_every_depth(channels, depth, works, refusal):
    pixels, seen = deep(channels, depth)
    data = png(pixels, depth)
    if works:
        assert np.abs(shown(data).astype(int) - seen).max() <= 1
    else:
        assert "image mode I;16" in refusal(decode, lambda: data, "x", SHAPE)


@pytest.mark.parametrize(
    ("channels", "depth", "works"),
    [(1, 1, True), (1, 2, False), (1, 4, False), (1, 8, True), (1, 16, False), (3, 8, True), (3, 16, False)],
)
def test_a_colour_that_stands_for_transparency(channels, depth, works, refusal):
    pixels, seen = deep(channels, depth)
    data = png(pixels, depth, pixels[0, 0])
    if works:
        hidden = (pixels == pixels[0, 0]).all(axis=2)
        assert np.array_equal(shown(data), np.where(hidden[..., None], 255, seen))
    else:
        assert "x: " in refusal(decode, lambda: data, "x", SHAPE)


def test_what_is_transparent_is_white_and_hidden_colours_are_gone():
    alpha = np.zeros((SIZE, SIZE, 1), np.uint8)
    alpha[0], alpha[1] = 255, 128
    seen = shown(encoded(Image.fromarray(np.concatenate([NOISE, alpha], axis=2), "RGBA"), "PNG"))
    assert np.array_equal(seen[0], NOISE[0])
    assert (seen[2:] == 255).all()
    half = NOISE[1] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(seen[1] - half).max() <= 1


def test_a_palette_with_a_transparent_entry():
    image = Image.fromarray(NOISE).quantize(4)
    seen = shown(encoded(image, "PNG", transparency=0))
    hidden = np.asarray(image) == 0
    assert hidden.any() and (seen[hidden] == 255).all()
    assert np.array_equal(seen[~hidden], np.asarray(image.convert("RGB"))[~hidden])


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_a_picture_of_several_frames_is_refused(kind, refusal):
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert "x: has 2 frames; save the one that is meant" in refusal(decode, lambda: data, "x", SHAPE)


def members(**changes: bytes) -> list[tuple[str, bytes]]:
    names = [f"{split}/{name}/{number}.png" for split in ("train", "test") for name in ("a", "b") for number in range(3)]
    return [*((name, PNG) for name in names), *((name.replace("__", "/"), data) for name, data in changes.items())]


def folder_of(files, root):
    for name, data in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture(params=["folder", "zip"])
def source(request, tmp_path):
    """`source(files)`: an image folder, or a zip of one."""
    if request.param == "folder":
        return lambda files: folder_of(files, tmp_path / "images")
    return lambda files: as_zip(files, tmp_path / "images.zip")


@pytest.mark.parametrize("half", [True, False])
def test_images_deeper_in_a_class_folder_are_refused_with_their_number(half, source):
    of_a = [name for name, _ in members() if name.startswith("train/a/")]
    moved = [(name.replace("train/a/", "train/a/images/"), PNG) for name in of_a]
    verdict, line = outcome(source([(name, data) for name, data in members() if half or name not in of_a] + moved))
    assert verdict == REFUSED
    assert "3 file(s) lie deeper than train/<class>/" in str(line) and "train/a/images/0.png" in str(line)


def test_litter_is_passed_over_and_other_files_are_named(source, capsys):
    litter = [
        (name, b"litter") for name in ("train/a/Thumbs.db", "test/desktop.ini", "train/b/.DS_Store", "__MACOSX/train/a/1.png")
    ]
    _, parts = read_image_folder(source([*members(), *litter]), SIZE)
    assert [len(parts[split][1]) for split in ("train", "test")] == [6, 6]
    assert "left out" not in capsys.readouterr().out
    read_image_folder(source([*members(), ("valid/a/1.png", PNG), ("readme.txt", b"text")]), SIZE)
    assert "2 file(s) in no train/<class>/" in capsys.readouterr().out


def test_colours_that_say_they_are_not_srgb_are_counted(source, capsys):
    def profile(name):
        return {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()}

    plain = Image.fromarray(NOISE)
    srgb = ("train/a/srgb.png", encoded(plain, "PNG", **profile("sRGB")))
    other = ("train/a/lab.png", encoded(plain, "PNG", **profile("LAB")))
    ink = [(f"train/b/ink{number}.png", encoded(plain.convert("CMYK"), "JPEG")) for number in range(2)]
    for files, told in (([srgb], []), ([srgb, other, *ink], ["1 image(s) with a colour profile", "2 image(s) in CMYK"])):
        read_image_folder(source([*members(), *files]), SIZE)
        out = capsys.readouterr().out
        assert out.count("image(s)") == len(told) and all(words in out for words in told)


def test_class_folders_that_give_nothing_are_named(source, capsys):
    hidden = [(f"{split}/.cats/1.png", PNG) for split in ("train", "test")]
    empty = [(f"{split}/dogs/.DS_Store", b"litter") for split in ("train", "test")]
    names, _ = read_image_folder(source([*members(), *hidden, *empty]), SIZE)
    assert names == ["a", "b"]
    assert "2 class folder(s) left out, hidden or without images: '.cats', 'dogs'" in capsys.readouterr().out


def test_an_empty_class_folder_is_named(tmp_path, capsys):
    files = [*members(), *((f"{split}/{number}", None) for split in ("train", "test") for number in range(12))]
    for name, data in files:
        (tmp_path / "images" / name if data is None else (tmp_path / "images" / name).parent).mkdir(parents=True, exist_ok=True)
        if data is not None:
            (tmp_path / "images" / name).write_bytes(data)
    for root in (tmp_path / "images", as_zip(files, tmp_path / "images.zip", prefix="wrapped/")):
        read_image_folder(root, SIZE)
        out = capsys.readouterr().out
        assert "12 class folder(s) left out" in out and out.rstrip().endswith("'7', ...")


@pytest.mark.parametrize(("count", "words"), [(3, "3 images cannot be used"), (12, "; and 2 more")])
def test_all_bad_images_are_named_in_one_go(count, words, source):
    bad = [(f"train/a/bad{number}.png", PNG[:40]) for number in range(count)]
    verdict, line = outcome(source([*members(), *bad]))
    assert verdict == REFUSED and words in str(line)
    assert str(line).count("not a readable image") == min(count, 10)


def test_a_zip_with_backslashes_is_read(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members():
            archive.writestr(zipfile.ZipInfo(name.replace("/", "\\")), data)
    assert [len(labels) for _, labels in read_image_folder(path, SIZE)[1].values()] == [6, 6]


def test_images_of_one_colour_are_refused_before_training(tmp_path, refusal):
    black = encoded(Image.fromarray(0 * NOISE), "PNG")
    root = folder_of([(name, black) for name, _ in members()], tmp_path / "images")
    params = DataParams.model_validate({
        "source": "image_folder", "path": str(root), "image_size": SIZE, "split": {"train": 4, "validation": 2, "test": 4},
    })  # fmt: skip
    assert f"{root}: every pixel of the training images is 0; replace them" in refusal(
        prepare, params, 0, tmp_path / "p", tmp_path
    )
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("linked", [False, True])
def test_images_that_dvc_keeps(linked, tmp_path, monkeypatch):
    """`dvc add data/raw/pets`, also with a cache that the working folder links to."""
    shutil.copy(ROOT / ".gitignore", tmp_path / ".gitignore")
    root = folder_of(members(), tmp_path / "data/raw/pets")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "config", "core.analytics", "false"],
                    *[["dvc", "config", "cache.type", "symlink"]] * linked, ["dvc", "add", "-q", "data/raw/pets"]):  # fmt: skip
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (root / "train/a/0.png").is_symlink() == linked
    assert [len(labels) for _, labels in read_image_folder(root, SIZE)[1].values()] == [6, 6]
