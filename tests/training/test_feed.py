from functools import partial

import numpy as np
import pytest
import torch
from networks import build_trunk

from pipeline.base.files import write_arrays
from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.encoding.storage import write_spikes
from pipeline.training.feed import CachedFeed, EncodedFeed, PrefixFeed, read_ahead, time_major

CPU = torch.device("cpu")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return Prepared(rng.integers(0, 256, (12, 3, 8, 8)).astype(np.uint8), np.zeros(12, np.int64))


@pytest.fixture
def encoder():
    return Encoder((0.5,) * 3, (0.5,) * 3, 1.0, 5, 1.0, 0)


def test_encoded_feed_takes_realisations_in_turns(images, encoder):
    rows = np.array([1, 5])
    in_turns, fresh = EncodedFeed(images, encoder, "train", 2), EncodedFeed(images, encoder, "train")
    first, second, third = (in_turns.read(rows, epoch)["b0"] for epoch in range(3))
    assert first.shape == (2, 5, 8, 8, 3)
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)
    assert not np.array_equal(fresh.read(rows, 0)["b0"], fresh.read(rows, 2)["b0"])
    fixed = encoder.encode(images.images[rows], rows, "train", FIXED)
    assert np.array_equal(in_turns.read(rows, FIXED)["b0"], np.moveaxis(fixed, 2, 4))


def test_cached_and_encoded_feeds_agree(images, encoder, tmp_path):
    rows = np.arange(12)
    for r in range(2):
        write_spikes(tmp_path / f"train_r{r}", iter([encoder.encode(images.images, rows, "train", r)]), 12, signed=True)
    cached, encoded = CachedFeed({"b0": tmp_path}, "train", 2), EncodedFeed(images, encoder, "train", 2)
    for epoch in range(4):
        part = np.array([7, 2, 11])
        assert np.array_equal(cached.read(part, epoch)["b0"], encoded.read(part, epoch)["b0"])


def test_a_cache_of_some_classes_is_read_by_dataset_row(tmp_path):
    spikes = np.random.default_rng(0).integers(0, 2, (4, 5, 2, 3, 3)).astype(np.int8)
    write_spikes(tmp_path / "train_r0", iter([spikes]), 4, signed=False)
    write_arrays(tmp_path / "train_rows.npz", {"rows": np.array([2, 5, 6, 9])})
    found = CachedFeed({"b0": tmp_path}, "train", 1).read(np.array([9, 5]), 0)["b0"]
    assert np.array_equal(found, np.moveaxis(spikes[[3, 1]], 2, 4))


def test_time_major_is_channels_last_in_memory():
    host = np.random.default_rng(0).integers(-1, 2, (2, 5, 8, 8, 3)).astype(np.int8)
    spikes = time_major(host, CPU, torch.float32)
    assert spikes.shape == (5, 2, 3, 8, 8)
    assert np.array_equal(spikes.numpy(), host.transpose(1, 0, 4, 2, 3))
    assert spikes.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    assert time_major(host, CPU, torch.bfloat16).dtype == torch.bfloat16


def test_prefix_feed_runs_the_frozen_trunk(images, encoder, make_params):
    prefix = build_trunk(make_params(), ["b1"], 3)
    source = EncodedFeed(images, encoder, "train")
    feed, rows = PrefixFeed(source, prefix, ["b1"]), np.arange(4)
    spikes = feed.to_device(feed.read(rows, 0), CPU, torch.float32)["b1"]
    assert torch.equal(spikes, prefix(source.to_device(source.read(rows, 0), CPU, torch.float32)))
    assert not spikes.requires_grad


@pytest.mark.parametrize("count", [0, 1, 5])
def test_read_ahead_keeps_order_and_reads_each_once(count):
    calls = []

    def read(number):
        calls.append(number)
        return np.array(number)

    assert [int(host) for host in read_ahead([partial(read, number) for number in range(count)])] == list(range(count))
    assert calls == list(range(count))


def test_read_ahead_raises_the_error_of_a_read():
    def fail():
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(read_ahead([lambda: np.zeros(1), fail]))


def test_a_cache_without_the_images_asked_for_is_one_line(tmp_path, refusal):
    spikes = np.zeros((2, 5, 2, 3, 3), np.int8)
    write_spikes(tmp_path / "train_r0", iter([spikes]), 2, signed=False)
    write_arrays(tmp_path / "train_rows.npz", {"rows": np.array([2, 5])})
    for rows in ([3], [2, 9]):
        assert "train_rows.npz: cannot be read (images asked for are not in it)" in refusal(
            CachedFeed({"b0": tmp_path}, "train", 1).read, np.array(rows), 0
        )
