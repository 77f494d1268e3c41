import numpy as np
import torch

from pipeline.data.augment import SHIFT, augment
from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, Encoder, fit_encoder
from pipeline.training.direct_feed import DirectFeed

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8)).astype(np.uint8)
ROWS = np.array([4, 1, 2])


def encoder(direct=True):
    return fit_encoder(IMAGES, 3, 1000.0, 0, direct)


def feed(augmentation="none"):
    return DirectFeed(Prepared(IMAGES, np.zeros(6, np.int64)), encoder(), "train", augmentation)


def test_normalised_images_the_same_at_every_step():
    own = feed()
    (found,) = own.to_device(own.read(ROWS, 0), torch.device("cpu"), torch.float32).values()
    assert found.shape == (3, 3, 3, 8, 8)
    assert found.stride(0) == 0
    mean, std = (np.array(values)[:, None, None] for values in (encoder().mean, encoder().std))
    torch.testing.assert_close(found[2].double(), torch.from_numpy((IMAGES[ROWS] / 255 - mean) / std), rtol=1e-5, atol=1e-5)


def test_filled_up_and_augmented_only_in_training():
    own = feed("shift_turns")
    assert own.read(ROWS, FIXED, 5)["b0"].shape == (5, 3, 8, 8)
    assert np.array_equal(own.read(ROWS, FIXED)["b0"], IMAGES[ROWS])
    assert not np.array_equal(own.read(ROWS, 0)["b0"], IMAGES[ROWS])


def test_encoder_file_tells_direct_from_random(tmp_path):
    for direct in (False, True):
        encoder(direct).save(tmp_path / "encoder.json")
        assert Encoder.load(tmp_path / "encoder.json") == encoder(direct)
        assert ("direct" in (tmp_path / "encoder.json").read_text()) == direct


def test_images_are_mirrored_in_turns_and_moved_with_reflected_edges():
    rows = np.arange(6)
    moved = [augment(IMAGES, rows, "shift_turns", 0, "train", epoch) for epoch in (0, 1)]
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="reflect")
    for epoch in (0, 1):
        for row in rows:
            image = moved[epoch][row][:, :, ::-1] if (row + epoch) % 2 else moved[epoch][row]
            places = [(top, left) for top in range(2 * SHIFT + 1) for left in range(2 * SHIFT + 1)]
            assert any(np.array_equal(image, padded[row, :, top : top + 8, left : left + 8]) for top, left in places)
    alone = augment(IMAGES[2:3], rows[2:3], "shift_turns", 0, "train", 0)
    assert np.array_equal(alone[0], moved[0][2])
