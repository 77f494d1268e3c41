"""The conditional runner takes every decision that the replay takes."""

import numpy as np
import pytest
import torch
from networks import build_block
from pipeline.inference.steps import sample_rows

from pipeline.encoding.poisson import FIXED
from pipeline.inference.networks import Stage
from pipeline.inference.runner import ConditionalRunner
from pipeline.partition.exit_rule import BlockVote, replay
from pipeline.training.feed import time_major

CHANNELS, CLASSES, IMAGES = 1, 10, 23


class ListFeed:
    """Spikes `[n, T, H, W, C]` held in memory."""

    def __init__(self, spikes: np.ndarray):
        self.spikes = spikes

    def read(self, rows, realisation):
        assert realisation == FIXED
        return self.spikes[rows]

    to_device = staticmethod(time_major)


@pytest.fixture
def network(make_params):
    params = make_params({})
    size = params.data.image_size
    rng = np.random.default_rng(0)
    spikes = rng.integers(-1, 2, size=(IMAGES, params.encoding.time_steps, size, size, CHANNELS)).astype(np.int8)
    subsets = [np.arange(CLASSES), np.arange(CLASSES), np.array([2, 5, 7])]
    stages, keys = [], list(params.blocks)[:3]
    for index, (key, classes) in enumerate(zip(keys, subsets, strict=False)):
        block = build_block(params, [key], CHANNELS, len(classes), index > 0, "test")
        vote = BlockVote(np.zeros((0, len(classes)), np.float32), classes)
        if index:
            easy, hard = ((0, 1, 3), (2, 5, 7)) if index == 1 else ((2,), (5, 7))
            vote = BlockVote(vote.logits, classes, None, 0.3, 0.5, easy, hard)
        stages.append(Stage(block.requires_grad_(False), vote))
    return ListFeed(spikes), stages


def stored(feed: ListFeed, stages: list[Stage], chunk: int) -> list[BlockVote]:
    """Every block on every image, in whole chunks, as the forward stage does it."""
    spikes = feed.to_device(
        np.concatenate([feed.spikes, np.zeros_like(feed.spikes[: -IMAGES % chunk])]), torch.device("cpu"), torch.float32
    )
    votes = []
    parts = list(spikes.split(chunk, dim=1))
    for stage in stages:
        outputs = [stage.block(part) for part in parts]
        parts = [output.spikes for output in outputs]
        logits = torch.cat([output.logits for output in outputs])[:IMAGES].numpy()
        known = stage.vote
        hcd = torch.cat([o.hcd_logit for o in outputs])[:IMAGES].numpy() if outputs[0].hcd_logit is not None else None
        votes.append(BlockVote(logits, known.classes, hcd, known.theta_low, known.theta_high, known.easy, known.hard))
    return votes


@pytest.mark.parametrize("chunk", [1, 4, 32])
@pytest.mark.parametrize("theta_conf", [0.15, 0.5, 1.0])
def test_runner_equals_replay(network, chunk, theta_conf):
    feed, stages = network
    runner = ConditionalRunner(stages, [theta_conf] * len(stages), CLASSES, chunk, torch.float32, torch.device("cpu"))
    exits = runner.run(feed, np.arange(IMAGES))
    expected = replay(stored(feed, stages, chunk), [theta_conf] * len(stages), CLASSES)
    assert exits.exit_block.tolist() == expected.exit_block.tolist()
    assert exits.prediction.tolist() == expected.prediction.tolist()
    assert (exits.prediction >= 0).all()


def test_the_sample_of_sorted_images_holds_every_class():
    label = np.repeat(np.arange(10), 100)
    assert np.bincount(label[sample_rows(len(label), 256)]).min() >= 25
    assert sample_rows(30, 256).tolist() == list(range(30))


def test_deeper_blocks_see_only_who_goes_on(network):
    feed, stages = network
    seen = [0] * len(stages)
    for index, stage in enumerate(stages):
        stage.block.register_forward_hook(
            lambda _, inputs, __, index=index: seen.__setitem__(index, seen[index] + inputs[0].shape[1])
        )
    runner = ConditionalRunner(stages, [0.3] * len(stages), CLASSES, 1, torch.float32, torch.device("cpu"))
    exits = runner.run(feed, np.arange(IMAGES))
    assert seen == [int((exits.exit_block > index).sum()) for index in range(len(stages))]
