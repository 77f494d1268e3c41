from collections import Counter

import pytest
import torch
from networks import build_block, compute_of
from quadrants import CLASSES, training_set
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, multi_margin_loss

from pipeline.base.seeding import numpy_generator
from pipeline.training.loop import _plan, fit
from pipeline.training.optimizer import decay
from pipeline.training.step import COLUMN, accumulate


def plan(sizes, batch_size, micro_size, world=1, seed=0):
    parts = [training_set(size, seed) for size in sizes]
    order = [numpy_generator(seed, "order", "b1", 0) for _ in range(world)]
    return parts, [_plan(parts, batch_size, micro_size, order[rank], rank, world) for rank in range(world)]


@pytest.mark.parametrize("sizes", [(50,), (37, 14), (5, 1)])
@pytest.mark.parametrize(("batch_size", "micro_size"), [(16, 8), (16, 5), (7, 16), (1, 1), (64, 64)])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_plan_visits_each_image_exactly_once(sizes, batch_size, micro_size, world):
    parts, plans = plan(sizes, batch_size, micro_size, world)
    visited = Counter()
    for micro in (micro for one in plans for micro in one):
        index = [part is micro.part for part in parts].index(True)
        assert len(micro.positions) <= micro_size
        visited.update((index, int(position)) for position in micro.positions)
    assert visited == Counter({(index, position): 1 for index, size in enumerate(sizes) for position in range(size)})


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_step_together_on_the_same_batches(world):
    # 37 + 14 images in batches of 8: six full ones and one of 3.
    _, plans = plan((37, 14), 8, 3, world)
    batches = []
    for one in plans:
        assert [micro.ends_batch for micro in one][-1]
        sizes, batch = [], 0
        for micro in one:
            batch += len(micro.positions)
            if micro.ends_batch:
                sizes.append((batch, micro.batch_size))
                batch = 0
        batches.append(sizes)
    for step in zip(*batches, strict=True):
        assert sum(share for share, _ in step) == step[0][1]
        assert len({batch_size for _, batch_size in step}) == 1
    assert [size for _, size in batches[0]] == [8] * 6 + [3]


def test_a_process_without_images_in_a_batch_still_takes_part():
    _, plans = plan((9,), 8, 4, 2)  # the last batch holds one image
    assert [len(micro.positions) for micro in plans[1]] == [4, 0]
    assert plans[1][-1].ends_batch
    assert plans[1][-1].read(0)["b0"].shape == (0, 4, 8, 8, 1)


def test_order_differs_by_epoch_and_name_and_mixes_the_parts():
    parts = [training_set(30), training_set(30, 1)]

    def order(*purpose):
        micros = _plan(parts, 60, 60, numpy_generator(0, "order", *purpose), 0, 1)
        return [micro.positions.tolist() for micro in micros]

    assert order("b1", 0) == order("b1", 0)
    assert order("b1", 0) != order("b1", 1) != order("b2", 1)
    first = _plan(parts, 20, 20, numpy_generator(0, "order", "b1", 0), 0, 1)
    assert first[0].part is parts[0]
    assert not first[0].ends_batch
    assert first[1].part is parts[1]
    assert first[1].ends_batch


def gradient(params, part, micro_size, batch_size=24, loss=None):
    compute = compute_of(params)
    block = build_block(params, ["b1"], 1, CLASSES, part.hard is not None, "b1")
    sums = torch.zeros(3, dtype=torch.float64)
    for micro in _plan([part], batch_size, micro_size, numpy_generator(0), 0, 1):
        sums += accumulate(compute, block, micro, micro.read(0), loss=loss)
    return torch.cat([weight.grad.flatten() for weight in block.parameters()]), sums


@pytest.mark.parametrize("hcd", [False, True])
@pytest.mark.parametrize("micro_size", [1, 5, 23])
def test_micro_batches_of_any_size_give_the_same_gradient(micro_size, hcd, make_params):
    params, part = make_params(), training_set(24, hcd=hcd)
    whole, whole_sums = gradient(params, part, 24)
    parts, sums = gradient(params, part, micro_size)
    assert whole.norm() > 1e-3
    assert ((parts - whole).norm() / whole.norm()).item() < 1e-6
    assert torch.allclose(sums, whole_sums, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["reference", "fused"])
@pytest.mark.parametrize("changes", [{"neuron.delay": 0}, {"blocks.b1.hidden": 8}])
def test_the_loss_after_several_steps_is_the_mean_of_their_losses(kernel, changes, make_params):
    """A block on the first t steps ends with the logits that it has after t steps."""
    params, part = make_params(changes | {"compute.kernel": kernel, "neuron.leak": 0.9}), training_set(24, hcd=True)
    compute = compute_of(params)
    block = build_block(params, ["b1"], 1, CLASSES, True, "b1")
    (micro,) = _plan([part], 24, 24, numpy_generator(0), 0, 1)
    host = micro.read(0)
    sums = accumulate(compute, block, micro, host, smoothing=0.1, steps=[1, 3])
    found = [weight.grad.clone() for weight in block.parameters()]
    block.zero_grad()
    bundle = part.feed.to_device(host, compute.device, compute.dtype)
    every, column = len(next(iter(bundle.values()))), torch.from_numpy(part.column[micro.positions])
    assert every > 3
    output = block(bundle, steps=[1, 3])
    after = {steps: block({key: spikes[:steps] for key, spikes in bundle.items()}).logits for steps in (1, 3, every)}
    for early, steps in zip([*output.early, output.logits], after, strict=True):
        torch.testing.assert_close(early, after[steps])
    losses = [cross_entropy(logits, column, label_smoothing=0.1) for logits in after.values()]
    hard = torch.from_numpy(part.hard[micro.positions])
    hcd = binary_cross_entropy_with_logits(block(bundle).hcd_logit, hard)
    (sum(losses) / 3 + hcd).backward()
    assert float(sums[0]) / 24 == pytest.approx(float(sum(losses).detach()) / 3)
    for own, weight in zip(found, block.parameters(), strict=True):
        assert weight.grad.norm() > 0
        torch.testing.assert_close(own, weight.grad, rtol=1e-4, atol=1e-6)


def test_gradient_is_that_of_the_mean_loss(make_params):
    params, part = make_params(), training_set(24, hcd=True)
    block = build_block(params, ["b1"], 1, CLASSES, True, "b1")
    spikes = part.feed.to_device(part.feed.read(part.rows, 0), torch.device("cpu"), torch.float32)
    output = block(spikes)
    hard = torch.from_numpy(part.hard)
    class_loss = -output.logits.log_softmax(1)[torch.arange(24), torch.from_numpy(part.column)].mean()
    hcd_loss = -(hard * output.hcd_logit.sigmoid().log() + (1 - hard) * (1 - output.hcd_logit.sigmoid()).log()).mean()
    (class_loss + hcd_loss).backward()
    expected = torch.cat([weight.grad.flatten() for weight in block.parameters()])
    found, sums = gradient(params, part, 7)
    assert ((found - expected).norm() / expected.norm()).item() < 1e-5
    assert (sums[:2] / 24).tolist() == pytest.approx([class_loss.item(), hcd_loss.item()], rel=1e-5)
    assert sums[2].item() == (output.logits.argmax(1).numpy() == part.column).sum()


def own_loss(output, tensors):
    return multi_margin_loss(output.logits, tensors[COLUMN], reduction="sum") + output.spikes.mean((0, 2, 3, 4)).sum()


def test_a_loss_of_ones_own_takes_the_place_of_the_class_loss(make_params):
    params, part = make_params(), training_set(24, hcd=True)
    block = build_block(params, ["b1"], 1, CLASSES, True, "b1")
    output = block(part.feed.to_device(part.feed.read(part.rows, 0), torch.device("cpu"), torch.float32))
    class_loss = multi_margin_loss(output.logits, torch.from_numpy(part.column)) + output.spikes.mean()
    (class_loss + binary_cross_entropy_with_logits(output.hcd_logit, torch.from_numpy(part.hard))).backward()
    expected = torch.cat([weight.grad.flatten() for weight in block.parameters()])
    found, sums = gradient(params, part, 7, loss=own_loss)
    assert ((found - expected).norm() / expected.norm()).item() < 1e-5
    assert float(sums[0]) / 24 == pytest.approx(class_loss.item(), rel=1e-5)


def test_fit_trains_with_the_loss_that_it_is_given(make_params):
    params, part, found = make_params({"training.epochs": 1}), training_set(24, hcd=True), []
    for loss in (None, lambda output, tensors: cross_entropy(output.logits, tensors[COLUMN], reduction="sum"), own_loss):
        block = build_block(params, ["b1"], 1, CLASSES, True, "b1")
        history = fit(compute_of(params), params.training, block, [part], "b1", 0.01, 0, loss=loss)
        found.append(([row["loss"] for row in history], block.readout.detach()))
    (papers, readout), (same, its_own), (other, another) = found
    assert same == papers and torch.equal(its_own, readout)
    assert other != papers and not torch.equal(another, readout)


@pytest.mark.parametrize(("schedule", "expected"), [("constant", [1, 1, 1, 1]), ("cosine", [1, 0.8535534, 0.5, 0.1464466])])
def test_decay(schedule, expected):
    assert [decay(schedule, epoch, 4, 0, 1) for epoch in range(4)] == pytest.approx(expected)
