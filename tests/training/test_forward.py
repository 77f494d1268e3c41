import numpy as np
import pytest
import torch
from networks import build_block

from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.training.assignment import class_rows
from pipeline.training.device import open_compute
from pipeline.training.feed import EncodedFeed
from pipeline.training.forward import forward_chunks, to_host
from pipeline.training.params import ComputeParams
from pipeline.training.weights import load_into, save_weights


@pytest.fixture
def feed():
    images = np.random.default_rng(0).integers(0, 256, (13, 1, 8, 8)).astype(np.uint8)
    return EncodedFeed(Prepared(images, np.zeros(13, np.int64)), Encoder((0.5,), (0.5,), 1.0, 6, 1.0, 0), "test")


def run(block, feed, rows, chunk=4):
    compute = open_compute(ComputeParams(device="cpu", micro_batch=chunk, kernel="reference"))
    return [*forward_chunks(compute, block, feed, np.array(rows), FIXED)]


def test_chunks_cover_the_rows_in_order(feed, make_params):
    block = build_block(make_params(), ["b1"], 1, 5, True, "b1")
    chunks = run(block, feed, range(13))
    assert [part.tolist() for part, _ in chunks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12]]
    last = chunks[-1][1]
    assert (last.spikes.shape[1], last.logits.shape, last.hcd_logit.shape, last.summary.shape) == (1, (1, 5), (1,), (1, 16))
    assert not last.logits.requires_grad


def test_an_image_gives_the_same_bits_in_any_company(feed, make_params):
    block = build_block(make_params(), ["b1"], 1, 5, True, "b1")
    together = torch.cat([output.logits for _, output in run(block, feed, range(13))])
    ((_, alone),) = run(block, feed, [12])
    assert torch.equal(alone.logits[0], together[12])
    ((_, mixed),) = run(block, feed, [12, 3, 7])
    assert torch.equal(mixed.logits, together[[12, 3, 7]])


def test_every_chunk_is_filled_up_to_one_size(feed, make_params):
    # Kernels may choose another order of additions for another batch size, so the network must never see one.
    block, seen = build_block(make_params(), ["b1"], 1, 5, False, "b1"), []
    block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]["b0"].clone()))
    run(block, feed, range(13))
    assert [spikes.shape[1] for spikes in seen] == [4, 4, 4, 4]
    assert not seen[-1][:, 1:].any()


def test_to_host_is_batch_major():
    spikes = torch.randint(0, 2, (5, 2, 3, 4, 4)).to(torch.bfloat16)
    host = to_host(spikes)
    assert host.dtype == np.int8
    assert np.array_equal(host, spikes.float().numpy().swapaxes(0, 1))


def test_class_rows():
    rows, column = class_rows(np.array([3, 1, 5, 3, 2]), np.array([2, 3, 5]))
    assert rows.tolist() == [0, 2, 3, 4]
    assert column.tolist() == [1, 2, 1, 0]


def test_weights_round_trip_and_bytes(tmp_path, make_params):
    first, second = (build_block(make_params(), ["b1"], 1, 5, True, purpose) for purpose in ("b1", "other"))
    for name in ("a", "b"):
        save_weights(tmp_path / name, first.state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    load_into(second, tmp_path / "a")
    assert all(torch.equal(x, y) for x, y in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("spoil", ["missing", "cut", "other network"])
def test_spoilt_weights_are_one_line(spoil, tmp_path, make_params, refusal):
    path, params = tmp_path / "block.safetensors", make_params()
    block = build_block(params, ["b1"], 1, 5, False, "b1")
    if spoil != "missing":
        classes = 6 if spoil == "other network" else 5
        save_weights(path, build_block(params, ["b1"], 1, classes, False, "b1").state_dict())
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    assert refusal(load_into, block, path).startswith(f"{path}: ")
