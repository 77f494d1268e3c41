import json

import numpy as np
import pytest

from pipeline.encoding.storage import SpikeFile, pack, unpack, write_spikes


def random_spikes(shape, signed, seed=0):
    return np.random.default_rng(seed).integers(-1 if signed else 0, 2, shape).astype(np.int8)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(3, 5, 3, 7, 7), (1, 1, 1, 1, 1), (4, 4, 2, 4, 4), (2, 3, 1, 5, 3)])
def test_round_trip(shape, signed):
    spikes = random_spikes(shape, signed)
    packed = pack(spikes, signed)
    assert packed.dtype == np.uint8
    assert packed.shape == (shape[0], -(-int(np.prod(shape[1:])) * (2 if signed else 1) // 8))
    unpacked = unpack(packed, shape[1:], signed)
    assert unpacked.dtype == np.int8
    assert np.array_equal(unpacked, np.moveaxis(spikes, 2, 4))


@pytest.mark.parametrize("bits", [2, 3, 7])
def test_counts_round_trip(bits, tmp_path):
    counts = np.random.default_rng(0).integers(0, 2**bits, (5, 2, 3, 4, 4)).astype(np.int8)
    write_spikes(tmp_path / "test", iter([counts[:3], counts[3:]]), 5, False, bits)
    file = SpikeFile(tmp_path / "test")
    assert file.bits == bits
    assert np.array_equal(file.read(np.array([4, 0])), np.moveaxis(counts[[4, 0]], 2, 4))


def test_bits_by_hand():
    # T = 1, C = 2, H = 1, W = 2; channels last: (w0 c0) (w0 c1) (w1 c0) (w1 c1).
    spikes = np.array([[1, 0], [-1, 1]], np.int8).reshape(1, 1, 2, 1, 2)  # c0: w0 = 1, w1 = 0; c1: w0 = -1, w1 = 1
    assert pack(np.abs(spikes), False).tolist() == [[0b1101_0000]]
    assert pack(spikes, True).tolist() == [[0b1101_0100]]


def write(path, spikes, signed, batch=2):
    write_spikes(path, (spikes[i : i + batch] for i in range(0, len(spikes), batch)), len(spikes), signed)


@pytest.mark.parametrize("signed", [False, True])
def test_file_gives_any_rows_in_any_order(signed, tmp_path):
    spikes = random_spikes((7, 3, 2, 5, 5), signed)
    write(tmp_path / "train", spikes, signed)
    file = SpikeFile(tmp_path / "train")
    assert len(file) == 7
    assert file.shape == (3, 2, 5, 5)
    rows = np.array([6, 0, 3, 3])
    assert np.array_equal(file.read(rows), np.moveaxis(spikes[rows], 2, 4))
    assert file.read(rows[:0]).shape == (0, 3, 5, 5, 2)


def test_bytes_do_not_depend_on_the_batches(tmp_path):
    spikes = random_spikes((7, 3, 2, 5, 5), False)
    for name, batch in (("a", 1), ("b", 3), ("c", 7)):
        write(tmp_path / name, spikes, False, batch)
    assert len({(tmp_path / f"{name}.npy").read_bytes() for name in "abc"}) == 1


def test_a_wrong_count_leaves_no_spike_file(tmp_path):
    spikes = random_spikes((4, 3, 2, 5, 5), False)
    with pytest.raises(ValueError, match="4 spike trains were given where 5 were announced"):
        write_spikes(tmp_path / "train", iter([spikes]), 5, False)
    assert not list(tmp_path.glob("*.npy"))
    assert not list(tmp_path.glob("*.part"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def pickled(path):
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def narrow(path):
    np.save(path, np.zeros((7, 3), np.uint8))


def floats(path):
    np.save(path, np.load(path).astype(np.float32))


@pytest.mark.parametrize("spoil", [cut, empty, remove, pickled, narrow, floats])
def test_spoilt_spike_file_is_one_line(spoil, tmp_path, refusal):
    write(tmp_path / "train", random_spikes((7, 3, 2, 5, 5), False), False)
    spoil(tmp_path / "train.npy")
    assert refusal(SpikeFile, tmp_path / "train").startswith(f"{tmp_path / 'train.npy'}: ")


@pytest.mark.parametrize("header", [None, "", "{", "{}", "[]", json.dumps({"shape": [3, 2, 5, 6], "signed": False})])
def test_spoilt_header_is_one_line(header, tmp_path, refusal):
    write(tmp_path / "train", random_spikes((7, 3, 2, 5, 5), False), False)
    path = tmp_path / "train.json"
    path.unlink() if header is None else path.write_text(header)
    assert str(tmp_path / "train.") in refusal(SpikeFile, tmp_path / "train")
