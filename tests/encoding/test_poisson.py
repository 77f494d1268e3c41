import numpy as np
import pytest

from pipeline.encoding.poisson import FIXED, Encoder, fit_encoder


def encoder(**changes):
    """p = rate * |x - 0.5| / 0.5 for a pixel x in 0..1."""
    return Encoder(**({"mean": (0.5,), "std": (0.5,), "scale": 1.0, "time_steps": 12, "rate": 1.0, "seed": 0} | changes))


def images(count, channels=1, size=5):
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def test_fit_by_hand():
    # Channel 0: half 0, half 255: mean 0.5, std 0.5, |z| = 1. Channel 1: 51 once in four, else 0: mean 0.05,
    # std = 0.2 * sqrt(3)/4, |z| up to 0.15 / std = sqrt(3). Channel 2: constant, std taken as 1, z = 0.
    train = np.zeros((4, 3, 1, 1), np.uint8)
    train[:2, 0], train[0, 1], train[:, 2] = 255, 51, 77
    fitted = fit_encoder(train, 7, 500.0, 3)
    assert fitted.mean == pytest.approx((0.5, 0.05, 77 / 255))
    assert fitted.std == pytest.approx((0.5, 0.2 * 3**0.5 / 4, 1.0))
    assert fitted.scale == pytest.approx(3**0.5)
    assert (fitted.time_steps, fitted.rate, fitted.seed) == (7, 0.5, 3)


def test_constant_images_are_silent():
    constant = np.full((3, 1, 4, 4), 9, np.uint8)
    assert not fit_encoder(constant, 5, 1000.0, 0).encode(constant, np.arange(3), "train", 0).any()


def test_fit_agrees_with_the_statistics_of_all_pixels():
    train = images(50, channels=3)
    fitted = fit_encoder(train, 1, 1000.0, 0)
    z = (train / 255 - train.mean((0, 2, 3), keepdims=True) / 255) / (train / 255).std((0, 2, 3), keepdims=True)
    assert fitted.std == pytest.approx((train / 255).std((0, 2, 3)))
    assert fitted.scale == pytest.approx(np.abs(z).max())


def test_shape_values_and_sign():
    pixels = images(6, channels=1)
    spikes = encoder().encode(pixels, np.arange(6), "train", 0)
    assert spikes.shape == (6, 12, 1, 5, 5)
    assert spikes.dtype == np.int8
    assert set(np.unique(spikes)) == {-1, 0, 1}
    sign = np.where(pixels > 127.5, 1, -1)[:, None]
    assert np.array_equal(spikes, np.abs(spikes) * sign)


def test_full_intensity_fires_at_every_step_and_none_beyond():
    pixels = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    assert encoder().encode(pixels, np.arange(2), "test", FIXED)[:, :, 0, 0, 0].tolist() == [[-1] * 12, [1] * 12]
    # An intensity above the training split's largest is clipped to p = 1.
    assert encoder(scale=0.3).encode(pixels, np.arange(2), "test", FIXED).sum(1).ravel().tolist() == [-12, 12]


@pytest.mark.parametrize("rate", [1.0, 0.4])
@pytest.mark.parametrize("pixel", [3, 60, 127, 140, 200, 250])
def test_rate_matches_probability(pixel, rate):
    draws = 400 * 50
    p = rate * abs(pixel / 255 - 0.5) / 0.5
    spikes = encoder(time_steps=400, rate=rate).encode(np.full((1, 1, 5, 10), pixel, np.uint8), np.arange(1), "train", 0)
    count = np.abs(spikes).sum(dtype=int)
    assert abs(count - draws * p) < 5 * np.sqrt(draws * p * (1 - p)), f"{count} spikes where {draws * p:.0f} are expected"


def test_steps_are_independent():
    spikes = encoder(time_steps=2000).encode(np.full((1, 1, 4, 4), 191, np.uint8), np.arange(1), "train", 0)[0].reshape(2000, 16)
    centred = spikes - spikes.mean()
    correlation = (centred[1:] * centred[:-1]).mean() / centred.var()
    assert abs(correlation) < 5 / np.sqrt(2000 * 16)


def test_noise_does_not_depend_on_the_batch():
    pixels, rows = images(10, channels=3), np.arange(10)
    make = encoder(mean=(0.5,) * 3, std=(0.5,) * 3)
    together = make.encode(pixels, rows, "train", 2)
    order = np.array([7, 3, 9])
    assert np.array_equal(make.encode(pixels[order], rows[order], "train", 2), together[order])
    assert np.array_equal(make.encode(pixels[4:5], rows[4:5], "train", 2)[0], together[4])


def test_noise_differs_by_row_split_realisation_and_seed():
    pixels = np.full((1, 1, 16, 16), 191, np.uint8)

    def spikes(row=0, split="train", realisation=0, seed=0):
        return encoder(seed=seed).encode(pixels, np.array([row]), split, realisation)

    base = spikes()
    assert np.array_equal(base, spikes())
    for other in (spikes(row=1), spikes(split="test"), spikes(realisation=1), spikes(realisation=FIXED), spikes(seed=1)):
        # Independent trains with p = 1/2 agree in half of the places.
        assert 0.4 < (base == other).mean() < 0.6


def test_encoding_is_the_same_in_every_version():
    # The draws are part of the reproducibility promise: a change of the generator must be noticed.
    spikes = encoder().encode(np.full((1, 1, 1, 1), 191, np.uint8), np.array([5]), "train", 0)
    assert spikes.ravel().tolist() == [1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]


def test_no_images_give_no_spikes():
    assert encoder().encode(images(3)[:0], np.arange(0), "train", 0).shape == (0, 12, 1, 5, 5)


def test_save_and_load(tmp_path):
    fitted = fit_encoder(images(9, channels=3), 7, 1000.0, 3)
    fitted.save(tmp_path / "encoder.json")
    assert Encoder.load(tmp_path / "encoder.json") == fitted
