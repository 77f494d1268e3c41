"""Exits in time: the last step is today's rule, paths never go back, temperatures make confidences likely."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from pipeline.anytime.policies import (
    Nodes,
    all_paths,
    cheapest,
    depth_path,
    fit_temperatures,
    replay_path,
    run_nodes,
)
from pipeline.anytime.runner import Policy, TimeRunner
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.data.prepared import load_prepared
from pipeline.encoding.poisson import FIXED
from pipeline.inference.infer_stage import sample_rows
from pipeline.inference.networks import load_exit_blocks
from pipeline.inference.stored import stored_votes
from pipeline.partition.exit_rule import replay
from pipeline.training.context import Context


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 1.0])
def test_after_all_steps_it_is_todays_rule(finished_run, threshold):
    folders = Folders(finished_run)
    params = load_params(folders.params)
    context = Context.open(folders, params)
    blocks, every = load_exit_blocks(context, "bloctrain"), params.encoding.time_steps
    votes, label = stored_votes(folders, params, "bloctrain", "test")
    feed, rows, classes = context.evaluation_feed("b1", "test"), np.arange(len(label)), context.manifest.classes
    nodes = run_nodes(context.compute, blocks, feed, rows, [1, every], classes)
    confidence = nodes.confidence(np.ones((len(blocks), 2)))
    path = depth_path(len(blocks), 2)
    found = replay_path(nodes, confidence, label, path, threshold, np.ones((len(blocks), 2)))
    wanted = replay(votes, [threshold] * len(votes), classes)
    assert list(found.left + 1) == list(wanted.exit_block)
    assert found.accuracy == pytest.approx(float((wanted.prediction == label).mean()))
    bundle = feed.to_device(feed.read(rows, FIXED), context.compute.device, context.compute.dtype)
    first = blocks[0].block({key: spikes[:1] for key, spikes in bundle.items()}).logits
    np.testing.assert_allclose(nodes.sums[0, 0], first, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 7])
@pytest.mark.parametrize("turns", [(0, 0), (1, 2), (2, 2)])
def test_the_runner_does_what_the_replay_says(finished_run, turns, chunk):
    folders = Folders(finished_run)
    params = load_params(folders.params)
    context = Context.open(folders, params)
    compute = dataclasses.replace(context.compute, micro_batch=chunk)
    blocks, every = load_exit_blocks(context, "bloctrain"), params.encoding.time_steps
    steps = [1, every // 2, every]
    path = next(path for path in all_paths(len(blocks), 3) if last_of_each(path) == turns[: len(blocks) - 1])
    images = len(load_prepared(folders.prepared, "test").label)
    feed, rows, classes = context.evaluation_feed("b1", "test"), sample_rows(images, 23), context.manifest.classes
    nodes = run_nodes(compute, blocks, feed, rows, steps, classes)
    temperature = np.full((len(blocks), 3), 1.5)
    confidence = nodes.confidence(temperature)
    threshold = float(np.median(np.max([confidence[node] for node in path[:-1]], axis=0)))
    wanted = replay_path(nodes, confidence, np.zeros(len(rows), int), path, threshold, np.ones((len(blocks), 3)))
    left = TimeRunner(compute, blocks, steps, Policy(path, threshold, temperature), classes).run(feed, rows)
    b, s = np.array(path)[left.place].T
    assert len(set(left.place)) > 1
    assert list(left.place) == list(wanted.left)
    assert list(left.confidence) == list(confidence[b, s, np.arange(23)])
    assert list(left.prediction) == list(nodes.prediction[b, s, np.arange(23)])


def last_of_each(path):
    """The step at which each block but the last is left for the next."""
    return tuple(max(s for b, s in path if b == block) for block in range(path[-1][0]))


def test_paths_go_forward_alone_and_are_all_there():
    paths = list(all_paths(3, 4))
    assert len(set(paths)) == len(paths) == 10
    for path in paths:
        assert path[0] == (0, 0) and path[-1] == (2, 3)
        assert all((b, s) < later and later[0] >= b and later[1] >= s for (b, s), later in pairwise(path))


def nodes_of(confidence, prediction):
    """Two blocks, two steps; four images of two classes."""
    first = np.array(confidence, np.float32)
    sums = np.stack([np.log(first), np.log(1 - first)], axis=-1)
    return Nodes(sums, np.array(prediction), np.zeros(first.shape, bool))


def test_an_image_leaves_at_the_first_node_that_is_sure_of_it():
    confidence = [[[0.9, 0.6, 0.6, 0.6], [0.9, 0.9, 0.6, 0.6]], [[0.6] * 4, [0.6, 0.6, 0.9, 0.6]]]
    nodes = nodes_of(confidence, [[[0] * 4] * 2, [[1] * 4] * 2])
    cost = np.array([[1.0, 2.0], [3.0, 4.0]])
    path = ((0, 0), (0, 1), (1, 1))
    found = replay_path(nodes, nodes.confidence(np.ones((2, 2))), np.array([0, 0, 1, 0]), path, 0.8, cost)
    assert list(found.left) == [0, 1, 2, 2]
    assert (found.accuracy, found.cost) == (0.75, (1 + 2 + 4 + 4) / 4)


def test_the_cheapest_policy_is_right_often_enough():
    nodes = nodes_of(np.full((2, 2, 4), 0.7), [[[0, 1, 1, 1], [0, 0, 1, 1]], [[0, 0, 0, 1], [0, 0, 0, 0]]])
    label, cost = np.zeros(4, int), np.array([[1.0, 2.0], [3.0, 4.0]])
    confidence = nodes.confidence(np.ones((2, 2)))
    paths = [((b, s),) for b in (0, 1) for s in (0, 1)]
    found = cheapest(nodes, confidence, label, paths, [1.0], cost, [0, 0.5, 0.6, 1.0, 1.1])
    assert [one.cost for one in found[:4]] == [1, 2, 3, 4]
    assert found[4].accuracy == 1.0


def test_temperatures_undo_what_made_a_block_too_sure():
    random = np.random.default_rng(0)
    true = random.normal(size=(20000, 3))
    odds = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    label = (odds.cumsum(axis=1) > random.random((20000, 1))).argmax(axis=1)
    sums = np.stack([true, 4 * true]).astype(np.float32)[None]
    temperature = fit_temperatures(Nodes(sums, np.zeros((1, 2, 20000), int), np.zeros((1, 2, 20000), bool)), label)
    assert temperature == pytest.approx(np.array([[1.0, 4.0]]), rel=0.1)
