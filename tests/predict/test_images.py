"""What a network can be given, and what it refuses in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.predict.images import HINT, as_pixels, image_files

SHAPE = (1, 8, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), dtype=np.uint8)


def saved(folder: Path, pixels: np.ndarray = PIXELS) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(pixels))]
    for path, one in zip(paths, pixels, strict=True):
        Image.fromarray(one[0]).save(path)
    return paths


def test_paths_pictures_and_arrays_give_the_same_pixels(tmp_path):
    paths = saved(tmp_path / "images")
    given = [
        PIXELS, list(PIXELS), paths, [str(path) for path in paths], tmp_path / "images", [tmp_path / "images"],
        [Image.open(path) for path in paths], [paths[0], Image.open(paths[1]), PIXELS[2]],
    ]  # fmt: skip
    for images in given:
        found = as_pixels(images, SHAPE)
        assert found.dtype == np.uint8
        assert np.array_equal(found, PIXELS)


def test_one_image_is_a_batch_of_one(tmp_path):
    path = saved(tmp_path)[1]
    for image in (PIXELS[1], path, str(path), Image.open(path)):
        assert np.array_equal(as_pixels(image, SHAPE), PIXELS[1:2])


def test_colours_have_the_first_axis(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "a.png")
    assert np.array_equal(as_pixels(tmp_path / "a.png", (3, 8, 8))[0], pixels)


def test_a_folder_is_read_by_name_and_below_and_without_hidden_files(tmp_path):
    for name in ("b.png", "a/2.png", "a/1.png", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(PIXELS[0, 0]).save(tmp_path / name)
    assert [str(path.relative_to(tmp_path)) for path in image_files([tmp_path])] == ["a/1.png", "a/2.png", "b.png"]
    assert next(image_files([tmp_path / "b.png", tmp_path / "a"])) == tmp_path / "b.png"


def test_another_size_is_resized_where_asked(tmp_path, refusal):
    large = np.full((16, 12), 200, np.uint8)
    Image.fromarray(large).save(tmp_path / "large.png")
    for image in (tmp_path / "large.png", Image.fromarray(large)):
        line = refusal(as_pixels, image, SHAPE)
        assert "12x16 pixels" in line and HINT in line
        assert np.array_equal(as_pixels(image, SHAPE, resize=True), np.full((1, *SHAPE), 200, np.uint8))


def text_file(folder):
    (folder / "text.png").write_text("no picture")
    return folder / "text.png", "text.png: not a readable image"


def deep_colours(folder):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(folder / "deep.tiff")
    return folder / "deep.tiff", "image mode F"


def cut_file(folder):
    (path,) = saved(folder, PIXELS[:1])
    path.write_bytes(path.read_bytes()[:60])
    return path, "0.png: not a readable image"


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty", "a folder without files"


BAD = {
    "nothing there": lambda folder: (folder / "absent.png", "absent.png: names nothing that exists"),
    "one of several absent": lambda folder: ([*saved(folder), folder / "absent.png"], "absent.png: names nothing that exists"),
    "text file": text_file,
    "cut": cut_file,
    "deep colours": deep_colours,
    "empty folder": empty_folder,
    "no images": lambda folder: ([], "no images were given"),
    "floating point": lambda folder: (PIXELS / 255, "an array of float64 [3, 1, 8, 8] where uint8 [n, 1, 8, 8] is needed"),
    "another size": lambda folder: (np.zeros((2, 1, 9, 9), np.uint8), "uint8 [2, 1, 9, 9] where uint8 [n, 1, 8, 8]"),
    "channels last": lambda folder: (np.zeros((8, 8, 1), np.uint8), "uint8 [8, 8, 1] where"),
    "channels forgotten": lambda folder: (np.zeros((8, 8), np.uint8), "uint8 [8, 8] where"),
    "floating point in a list": lambda folder: ([PIXELS[0] / 255], "float64 [1, 8, 8] where"),
    "no array at all": lambda folder: ([None], "where uint8 [n, 1, 8, 8] is needed"),
    "a whole batch in a list": lambda folder: ([PIXELS], "where uint8"),
    "no image in an array": lambda folder: (PIXELS[:0], "no images were given"),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_what_is_no_image_is_one_line(make, tmp_path, refusal):
    images, message = make(tmp_path)
    assert message in refusal(as_pixels, images, SHAPE)
