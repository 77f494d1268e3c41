"""From the bytes of one image file to pixels."""

import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.base.errors import UserError

# Modes that convert to RGB without loss of range; 16-bit and floating-point ones do not.
MODES = frozenset({"RGB", "RGBA", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr"})
# Pillow would take any format it knows, among them EPS, which it hands to Ghostscript to run.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
ANIMATED = ("GIF", "TIFF", "WEBP", "PNG")
"""Formats whose further frames are pictures of their own. A JPEG's are previews."""
OTHER_SIZE = "resize or remove it, or change data.image_size"
SCALED = ("L;2", "L;4", "RGB;16B")
"""PNGs whose pixels Pillow turns into 8 bits, but not the one colour that they may name as transparent."""
PROFILE, CMYK = "with a colour profile other than sRGB, which is not applied", "in CMYK, taken without a colour profile"
COLOURS = {1: "L", 3: "RGB"}
"""Pillow's mode by number of channels."""


Noted = dict[str, list[str]]
"""Names of images by what was passed over in them."""


def decode(
    read: Callable[[], bytes], name: str, shape: tuple[int, int, int], resize: bool = False, noted: Noted | None = None
) -> np.ndarray:
    """uint8 `[C, H, W]` of `shape`, of the image file whose bytes `read` gives; `name` stands for it in messages and in `noted`.

    Raises:
        UserError: unreadable, of a mode that 8 bits a channel cannot hold, or of another size and not to `resize`.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(read()), formats=FORMATS) as image:
            return to_pixels(image, name, shape, resize, noted)
    except UnidentifiedImageError as error:
        raise UserError(f"{name}: not a readable image (none of {', '.join(FORMATS)}); replace or remove it") from error
    except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{name}: not a readable image ({error}); replace or remove it") from error
    except (Image.DecompressionBombError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{name}: refused ({error}); replace or remove it") from error


def to_pixels(
    image: Image.Image, name: str, shape: tuple[int, int, int], resize: bool = False, noted: Noted | None = None
) -> np.ndarray:
    """The same of an open image, as a person sees it: turned as its EXIF orientation says, on white where it is transparent.
    Colours are taken as sRGB; `noted` tells which images say otherwise."""
    channels, height, width = shape
    if getattr(image, "is_animated", False) and image.format in ANIMATED:
        raise UserError(f"{name}: has {getattr(image, 'n_frames', 2)} frames; save the one that is meant, or remove it")
    tiles = getattr(image, "tile", [])
    if "transparency" in image.info and tiles and tiles[0].args in SCALED:
        raise UserError(f"{name}: names a transparent colour in other than 8 bits; save it with an alpha channel, or remove it")
    if noted is not None:
        for what in _passed_over(image):
            noted.setdefault(what, []).append(name)
    image = ImageOps.exif_transpose(image)
    if image.size != (width, height) and not resize:
        raise UserError(f"{name}: {image.width}x{image.height} pixels where data.image_size is {height}; {OTHER_SIZE}")
    if image.mode not in MODES:
        raise UserError(f"{name}: image mode {image.mode} does not fit 8-bit {COLOURS[channels]}; convert or remove it")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    plain = image.convert(COLOURS[channels])
    if plain.size != (width, height):
        plain = plain.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(plain)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _passed_over(image: Image.Image) -> list[str]:
    """What its file says of its colours, and is not heard."""
    profile = image.info.get("icc_profile") or b""
    known = not profile or any("sRGB".encode(code) in profile for code in ("ascii", "utf-16-be"))
    return [CMYK] if image.mode == "CMYK" else [] if known else [PROFILE]
