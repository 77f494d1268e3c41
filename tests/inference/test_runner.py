"""The conditional runner takes every decision that the replay takes."""

import numpy as np
import pytest
from networks import build_block, compute_of

from pipeline.base.folders import ENCODER
from pipeline.encoding.poisson import FIXED
from pipeline.inference.infer_stage import sample_rows
from pipeline.inference.networks import ExitBlock
from pipeline.inference.runner import ConditionalRunner
from pipeline.partition.exit_rule import BlockVote, replay
from pipeline.training.feed import filled_up, time_major
from pipeline.training.forward import run_chunk

CHANNELS, CLASSES, IMAGES = 1, 10, 23
LIVELY = {"network.init_gain": 4.0}
"""With less, blocks behind the first are silent."""
FOUR_BLOCKS = {
    "blocks.b4": {
        "prev": "b3", "layers": [{"kind": "residual", "channels": 8}], "residual": ["b1", "b2"], "hidden": 0,
        "learning_rate": 0.002,
    },
    "blocks.b3.residual": ["b1"], "deepest": "b4",
} | LIVELY  # fmt: skip


class ListFeed:
    """Encoder spikes `[n, T, H, W, C]` held in memory."""

    def __init__(self, spikes: np.ndarray):
        self.spikes = spikes

    def read(self, rows, realisation, count=0):
        assert realisation == FIXED
        return {ENCODER: filled_up(self.spikes[rows], count)}

    def to_device(self, host, device, dtype):
        return {key: time_major(spikes, device, dtype) for key, spikes in host.items()}


def network_of(params):
    """A feed, and blocks of all classes with weights as drawn, the last one of three classes."""
    size, keys = params.data.image_size, list(params.blocks)
    rng = np.random.default_rng(0)
    spikes = rng.integers(-1, 2, size=(IMAGES, params.encoding.time_steps, size, size, CHANNELS)).astype(np.int8)
    blocks = []
    for index, key in enumerate(keys):
        classes = np.array([2, 5, 7]) if key == keys[-1] else np.arange(CLASSES)
        block = build_block(params, [key], CHANNELS, len(classes), index > 0, "test")
        vote = BlockVote(np.zeros((0, len(classes)), np.float32), classes)
        if index:
            easy, hard = ((2,), (5, 7)) if key == keys[-1] else ((0, 1, 3), (2, 5, 7))
            vote = BlockVote(vote.logits, classes, None, 0.3, 0.5, easy, hard)
        blocks.append(ExitBlock(block.requires_grad_(False), vote))
    return ListFeed(spikes), blocks


def stored(feed: ListFeed, blocks: list[ExitBlock], compute) -> list[BlockVote]:
    """Every block on every image, in whole chunks, as the forward stage does it."""
    chunk = compute.micro_batch
    parts = [np.arange(start, min(start + chunk, IMAGES)) for start in range(0, IMAGES, chunk)]
    bundles = [feed.to_device(feed.read(rows, FIXED), compute.device, compute.dtype) for rows in parts]
    votes = []
    for here in blocks:
        key = here.block.trunk.plans[-1].key
        logits, hcd = [], []
        for rows, bundle in zip(parts, bundles, strict=True):
            inputs = {source: bundle[source] for source in here.block.trunk.sources}
            output = run_chunk(compute, here.block, inputs, len(rows))
            bundle[key] = output.spikes
            logits.append(output.logits.numpy())
            hcd += [] if output.hcd_logit is None else [output.hcd_logit.numpy()]
        votes.append(here.vote.on(np.concatenate(logits), np.concatenate(hcd) if hcd else None))
    return votes


@pytest.fixture
def network(make_params):
    return network_of(make_params(LIVELY))


def same(exits, expected):
    assert exits.exit_block.tolist() == expected.exit_block.tolist()
    assert exits.prediction.tolist() == expected.prediction.tolist()
    assert np.array_equal(exits.confidence, expected.confidence)
    assert np.array_equal(exits.hard_probability, expected.hard_probability, equal_nan=True)
    assert (exits.prediction >= 0).all()


@pytest.mark.parametrize("chunk", [1, 4, 32])
@pytest.mark.parametrize("theta_conf", [[0.5] * 3, [0.8] * 3, [1.0] * 3, [1.0, 0.6, 1.0], [0.9, 1.0, 0.0]])
def test_runner_equals_replay(network, chunk, theta_conf, make_params):
    feed, blocks = network
    compute = compute_of(make_params(), micro_batch=chunk)
    exits = ConditionalRunner(blocks, theta_conf, CLASSES, compute).run(feed, np.arange(IMAGES))
    same(exits, replay(stored(feed, blocks, compute), theta_conf, CLASSES))


@pytest.mark.parametrize("kernel", ["reference", "fused"])
@pytest.mark.parametrize("chunk", [4, 32])
@pytest.mark.parametrize("theta_conf", [[0.8] * 4, [1.0] * 4, [0.99, 1.0, 0.9, 1.0]])
def test_runner_equals_replay_with_residual_inputs(chunk, theta_conf, kernel, make_params):
    """Block 3 reads block 1's spikes as well and block 4 those of blocks 1 and 2, so they wait with those of the block before."""
    params = make_params(FOUR_BLOCKS | {"compute.kernel": kernel})
    feed, blocks = network_of(params)
    assert blocks[3].block.trunk.sources == ("b3", "b1", "b2")
    compute = compute_of(params, micro_batch=chunk)
    exits = ConditionalRunner(blocks, theta_conf, CLASSES, compute).run(feed, np.arange(IMAGES))
    same(exits, replay(stored(feed, blocks, compute), theta_conf, CLASSES))
    assert len(set(exits.exit_block)) > 1
    assert exits.exit_block.max() > 2 or theta_conf[0] < 0.9


def test_guard_the_residual_inputs_matter(make_params):
    params = make_params(FOUR_BLOCKS)
    compute = compute_of(params)
    feed, blocks = network_of(params)
    with_them = stored(feed, blocks, compute)
    for key in ("residual_b1", "residual_b2"):
        dict(blocks[3].block.named_parameters())[f"trunk.layers.b4_0a.{key}"].zero_()
    without = stored(feed, blocks, compute)
    assert np.array_equal(with_them[2].logits, without[2].logits)
    assert not np.array_equal(with_them[3].logits, without[3].logits)


def test_an_image_leaves_alike_in_any_company_and_order(network, make_params):
    feed, blocks = network
    runner = ConditionalRunner(blocks, [0.9] * 3, CLASSES, compute_of(make_params(), micro_batch=4))
    everyone = runner.run(feed, np.arange(IMAGES))
    for rows in (np.array([5]), np.arange(IMAGES)[::-1].copy(), np.array([3, 3, 7])):
        some = runner.run(feed, rows)
        assert some.exit_block.tolist() == everyone.exit_block[rows].tolist()
        assert some.prediction.tolist() == everyone.prediction[rows].tolist()
        assert np.array_equal(some.confidence, everyone.confidence[rows])


def test_the_sample_of_sorted_images_holds_every_class():
    label = np.repeat(np.arange(10), 100)
    assert np.bincount(label[sample_rows(len(label), 256)]).min() >= 25
    assert sample_rows(30, 256).tolist() == list(range(30))


def test_deeper_blocks_see_only_who_goes_on(network, make_params):
    feed, blocks = network
    seen = [0] * len(blocks)
    for index, here in enumerate(blocks):
        here.block.register_forward_hook(
            lambda _, inputs, __, index=index: seen.__setitem__(index, seen[index] + next(iter(inputs[0].values())).shape[1])
        )
    runner = ConditionalRunner(blocks, [0.9] * len(blocks), CLASSES, compute_of(make_params(), micro_batch=1))
    exits = runner.run(feed, np.arange(IMAGES))
    assert len(set(exits.exit_block)) > 1
    assert seen == [int((exits.exit_block > index).sum()) for index in range(len(blocks))]
