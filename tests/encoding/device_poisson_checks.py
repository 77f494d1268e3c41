"""What `test_device_poisson.py` runs: the same draws as on the host, to the bit."""

import numpy as np
import pytest
import torch
from triton_tools import DEVICE, need_gpu_or_interpreter

from pipeline.base.seeding import digest_of
from pipeline.data.augment import augment
from pipeline.encoding.poisson import FIXED, Encoder, fit_encoder

need_gpu_or_interpreter()

from pipeline.encoding.device_encoder import DeviceEncoder, draw_shifts  # noqa: E402
from pipeline.encoding.philox_kernels import key_halves  # noqa: E402
from pipeline.training.device_dropout import device_keep_mask  # noqa: E402
from pipeline.training.dropout import keep_mask  # noqa: E402


def images(count, channels, height, width=None, seed=0):
    shape = count, channels, height, width or height
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def on_device(encoder, pixels, rows, split, realisation, dtype=torch.float32, shifts=None):
    """`DeviceEncoder.encode`, as the host has it: int8 `[B, T, C, H, W]`."""
    moved = [None if array is None else torch.from_numpy(array).to(DEVICE) for array in (pixels, rows, shifts)]
    spikes = DeviceEncoder(encoder, DEVICE).encode(*moved[:2], split, realisation, dtype, moved[2])
    assert spikes.dtype == dtype
    assert spikes.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    return spikes.to(torch.int8).transpose(0, 1).cpu().numpy()


def encoder(channels, **changes):
    values = {"mean": (0.45, 0.5, 0.3)[:channels], "std": (0.2, 0.25, 0.3)[:channels], "scale": 1.7, "time_steps": 7}
    return Encoder(**(values | {"rate": 0.9, "seed": 4} | changes))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split(split):
    pixels, rows = images(9, 3, 8), np.array([3, 0, 8, 5, 4])
    for realisation in (FIXED, 0, 12):
        expected = encoder(3).encode(pixels[rows], rows, split, realisation)
        assert 0.2 < np.abs(expected).mean() < 0.8
        assert np.array_equal(on_device(encoder(3), pixels, rows, split, realisation), expected)


def test_many_draws_of_one_row():
    """10,000 draws a row and more than one program to an image; a row of large number, as in large data sets."""
    pixels = np.random.default_rng(1).integers(0, 256, (70_001, 1, 2, 2), dtype=np.uint8)
    many, rows = encoder(1, time_steps=5000), np.array([70_000])
    expected = many.encode(pixels[rows], rows, "train", 3)
    assert np.array_equal(on_device(many, pixels, rows, "train", 3), expected)


@pytest.mark.parametrize(("channels", "height", "width", "steps"), [(1, 1, 1, 1), (3, 5, 5, 3), (2, 3, 7, 9), (1, 28, 28, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shapes(channels, height, width, steps, dtype):
    pixels, rows = images(4, channels, height, width), np.array([2, 2, 0])
    some = encoder(channels, time_steps=steps)
    expected = some.encode(pixels[rows], rows, "train", 1)
    assert np.array_equal(on_device(some, pixels, rows, "train", 1, dtype), expected)


def test_every_value_of_a_pixel_with_fitted_statistics():
    """Probabilities at which the host's rounding matters: each pixel's own, 0 and 1 among them."""
    pixels = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3)[None]
    fitted = fit_encoder(pixels, 11, 1000.0, 5)
    table = DeviceEncoder(fitted, DEVICE).table.cpu().numpy()
    assert np.array_equal(table, fitted._signed_probability(pixels)[0].reshape(3, 256))
    rows = np.array([0])
    assert np.array_equal(on_device(fitted, pixels, rows, "test", FIXED), fitted.encode(pixels, rows, "test", FIXED))


def test_a_draw_equal_to_the_probability_does_not_fire():
    """The rate of a white pixel is its probability; it is set to one of the draws."""
    white, rows = np.full((1, 1, 4, 4), 255, np.uint8), np.array([0])
    stream = np.random.Generator(np.random.Philox(key=digest_of(4, "poisson", "train", 0), counter=[0, 0, 0, 0]))
    drawn = stream.random((7, 1, 4, 4), dtype=np.float32)
    some = encoder(1, mean=(0.5,), std=(0.5,), scale=1.0, rate=float(drawn[2, 0, 1, 3]))
    found = on_device(some, white, rows, "train", 0)
    assert found[0, 2, 0, 1, 3] == 0
    assert np.array_equal(found[0], (drawn < drawn[2, 0, 1, 3]).astype(np.int8))


@pytest.mark.parametrize("kind", ["none", "flip", "crop_flip"])
@pytest.mark.parametrize("size", [7, 16])
def test_augmentation(kind, size):
    pixels, rows, some = images(30, 3, size), np.arange(29, 4, -2), encoder(3, time_steps=2)
    shifts = draw_shifts(rows, kind, size, some.seed, "train", 6)
    assert (shifts is None) == (kind == "none")
    if kind == "crop_flip" and size == 16:
        assert set(shifts[:, 2]) == {0, 1} and shifts[:, :2].min() < 0 < shifts[:, :2].max()
    expected = some.encode(augment(pixels[rows], rows, kind, some.seed, "train", 6), rows, "train", 6)
    found = on_device(some, pixels, rows, "train", 6, shifts=shifts)
    assert np.array_equal(found, expected)
    plain = some.encode(pixels[rows], rows, "train", 6)
    assert np.array_equal(found, plain) == (kind == "none")


def test_no_images_give_no_spikes():
    found = on_device(encoder(1), images(3, 1, 4), np.empty(0, np.int64), "train", 0)
    assert found.shape == (0, 7, 1, 4, 4)


@pytest.mark.parametrize("inputs", [1, 31, 32, 1000, 9001])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_dropout_mask(inputs, share):
    rows = np.array([7, 0, 65_537])
    expected = keep_mask(rows, inputs, share, 0, "b1", "train", 3)
    found = device_keep_mask(torch.from_numpy(rows).to(DEVICE), inputs, share, 0, "b1", "train", 3)
    assert found.dtype == torch.bool
    assert np.array_equal(found.cpu().numpy(), expected)


def test_keys_take_all_128_bits():
    key = 0xFEDCBA98765432100123456789ABCDEF
    low, high = key_halves(key)
    assert (low & (2**64 - 1)) | (high & (2**64 - 1)) << 64 == key
    state = np.random.Philox(key=key).state["state"]["key"]
    assert [int(word) for word in state] == [low & (2**64 - 1), high & (2**64 - 1)]


def test_guard_another_order_of_the_halves_would_show():
    """The high half of each word first, a plausible slip, gives other spikes."""
    stream = np.random.Generator(np.random.Philox(key=3, counter=[0, 0, 0, 1]))
    words = np.random.Philox(key=3, counter=[0, 0, 0, 1]).random_raw(8)
    low_first = np.stack([words & 0xFFFFFFFF, words >> 32], 1).ravel()
    drawn = stream.random(16, dtype=np.float32)
    assert np.array_equal(drawn, (low_first >> 8).astype(np.float32) / 2**24)
    assert not np.array_equal(drawn, (np.flip(low_first.reshape(8, 2), 1).ravel() >> 8).astype(np.float32) / 2**24)
