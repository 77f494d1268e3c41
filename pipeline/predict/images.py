"""Images that somebody gives to a network: arrays, Pillow's images, files and folders of files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.data.decode import OTHER_SIZE, decode, to_pixels

Shape = tuple[int, int, int]
Pixels = TypeVar("Pixels", np.ndarray, list[np.ndarray])
HINT = "give it that size, or ask for resizing (--resize, or resize=True)"


def as_pixels(images: Any, shape: Shape, resize: bool = False) -> np.ndarray:
    """uint8 `[n, C, H, W]`, `shape` being (C, H, W), of one image or several: uint8 arrays `[n, C, H, W]` or `[C, H, W]`,
    Pillow's images, or paths. A path to a folder stands for the images in it, in the order of their names.

    Raises:
        UserError: nothing there, not an image, an array of another type, or another size and not to `resize`.
    """
    if isinstance(images, np.ndarray):
        return _some(_checked(images, shape, 4).reshape(-1, *shape))
    if isinstance(images, str | Path | Image.Image):
        images = [images]
    try:
        pixels = [_pixels(one, f"image {number}", shape, resize) for number, one in enumerate(_flat(images))]
    except UserError as error:
        raise UserError(str(error).replace(OTHER_SIZE, HINT)) from error
    return np.stack(_some(pixels))


def image_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """The files among `paths`, and those in the folders among them by name, hidden ones left out.

    Raises:
        UserError: a path that names nothing, or a folder without files.
    """
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(found for found in path.rglob("*") if found.is_file() and not found.name.startswith("."))
            if not inside:
                raise UserError(f"{path}: a folder without files; name one that holds images")
            yield from inside
        elif path.is_file():
            yield path
        else:
            raise UserError(f"{path}: names nothing that exists; correct it")


def _flat(images: Sequence[Any]) -> Iterator[Any]:
    for one in images:
        if isinstance(one, str | Path):
            yield from image_files([one])
        else:
            yield one


def _pixels(image: Any, name: str, shape: Shape, resize: bool) -> np.ndarray:
    if isinstance(image, Path):
        return decode(image.read_bytes, str(image), shape, resize)
    if isinstance(image, Image.Image):
        return to_pixels(image, name, shape, resize)
    return _checked(np.asarray(image), shape, 3)


def _checked(array: np.ndarray, shape: Shape, axes: int) -> np.ndarray:
    if array.dtype != np.uint8 or array.shape[-3:] != shape or array.ndim > axes:
        wanted = ", ".join(map(str, shape))
        raise UserError(
            f"images: an array of {array.dtype} {list(array.shape)} where uint8 [n, {wanted}] is needed (0 to 255); convert it"
        )
    return array


def _some(pixels: Pixels) -> Pixels:
    if not len(pixels):
        raise UserError("no images were given; name a file, or a folder that holds some")
    return pixels
