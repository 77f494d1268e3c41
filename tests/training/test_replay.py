"""Replayed passes give what passes give. A stand-in for a CUDA graph repeats them on the same memory, as a graph does."""

from functools import partial

import pytest
import torch
from networks import compute_of
from quadrants import CLASSES, training_set

from pipeline.base.seeding import numpy_generator
from pipeline.network.block import Dropout
from pipeline.network.build import build_block
from pipeline.training.device import open_compute
from pipeline.training.dropout import dropped, keep_mask
from pipeline.training.loop import _plan
from pipeline.training.optimizer import make_optimizer
from pipeline.training.replay import WARM_UP, GraphReplay, graph_replay
from pipeline.training.step import accumulate, optimizer_step


class Recorder:
    """Warms up and repeats on the memory of the recording; counts both."""

    def __init__(self):
        self.recordings = self.replayed = 0

    def __call__(self, call):
        self.recordings += 1
        for _ in range(WARM_UP):
            call()
        sums = torch.zeros(3, dtype=torch.float64)

        def again():
            self.replayed += 1
            return sums.copy_(call())

        return again


def weights_after(params, replay_of, batch=16, micro=8, hcd=True, share=0.0, epochs=2):
    """Weights, running statistics and sums after some epochs."""
    compute, part = open_compute(params.compute), training_set(45, hcd=hcd)
    image = (1, params.data.image_size, params.data.image_size)
    block = compute.place(build_block(params, ["b1"], image, CLASSES, hcd, "b1", compute.engine)).train()
    optimizer, replay, found = make_optimizer(params.training, block, 0.05), replay_of(block), []
    for epoch in range(epochs):
        for one in _plan([part], batch, micro, numpy_generator(0, epoch), 0, 1):
            rows = part.rows[one.positions]
            mask = torch.from_numpy(keep_mask(rows, block.classifier_inputs, share, 0, "b1", "train", epoch)) if share else None
            dropout = None if mask is None else Dropout(mask.to(compute.device), dropped(share))
            found.append(accumulate(compute, block, one, one.read(epoch), dropout, 0.1, [2], replay))
            if one.ends_batch:
                optimizer_step(compute, block, optimizer)
    return torch.stack(found), block.state_dict()


CHANGES = [{}, {"network.norm": "batch"}, {"blocks.b1.hidden": 0}, {"compute.kernel": "lean"}, {"compute.precision": "bf16"}]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_replayed_steps_are_the_steps(changes, share, make_params):
    """45 images in batches of 16, by eight: four micro-batches an epoch are alike; the last batch has 13 images."""
    params, recorder = make_params(changes), Recorder()
    expected, weights = weights_after(params, lambda block: None, share=share)
    found, own = weights_after(params, lambda block: GraphReplay(block, recorder), share=share)
    assert (recorder.recordings, recorder.replayed) == (1, 7)
    assert torch.equal(found, expected)
    for name, value in weights.items():
        assert torch.equal(own[name], value), name


class NeverZero(GraphReplay):
    def _return_gradients(self):
        for weight, own in self.gradients:
            if weight.grad is not None and weight.grad is not own:
                own.copy_(weight.grad)
            weight.grad = own


class NeverCopied(GraphReplay):
    def _return_gradients(self):
        for weight, own in self.gradients:
            if weight.grad is None:
                own.zero_()
            weight.grad = own


@pytest.mark.parametrize("wrong", [NeverZero, NeverCopied])
def test_gradients_left_behind_are_found(wrong, make_params):
    """A recording that adds to the last batch's gradients, or that drops those of a micro-batch computed before it."""
    run = partial(weights_after, make_params(), batch=24, micro=8)
    expected, _ = run(lambda block: None)
    found, _ = run(lambda block: wrong(block, Recorder()))
    assert not torch.equal(found, expected)
    found, _ = run(lambda block: GraphReplay(block, Recorder()))
    assert torch.equal(found, expected)


def test_what_cannot_be_recorded_is_computed(make_params, capsys):
    def refuse(call):
        call()
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    expected, weights = weights_after(make_params({"network.norm": "batch"}), lambda block: None)
    found, own = weights_after(make_params({"network.norm": "batch"}), lambda block: GraphReplay(block, refuse))
    assert torch.equal(found, expected)
    assert all(torch.equal(own[name], value) for name, value in weights.items())
    said = "".join(capsys.readouterr()).strip()
    assert said == "passes are not recorded as a CUDA graph: operation not permitted when stream is capturing"


def test_large_passes_are_not_recorded(make_params, monkeypatch):
    monkeypatch.setattr(GraphReplay, "most", 19)  # fewer than five images of four steps have
    recorder = Recorder()
    weights_after(make_params(), lambda block: GraphReplay(block, recorder))
    assert recorder.recordings == 0


def test_a_step_that_stands_for_all_is_not_recorded():
    replay = GraphReplay(torch.nn.Linear(1, 1), Recorder())
    one = torch.zeros(1, 2, 3)
    assert replay._suits({"b0": one})
    assert replay._suits({"b0": one.expand(4, 2, 3).contiguous()})
    assert not replay._suits({"b0": one.expand(4, 2, 3)})


def test_the_cpu_has_no_graphs(make_params):
    assert graph_replay(compute_of(make_params()), torch.nn.Linear(1, 1)) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("changes", [{}, {"network.norm": "batch"}, {"compute.precision": "bf16"}])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_graph_is_the_steps(changes, share, make_params):
    """On the device itself, with its own engine."""
    params = make_params(changes | {"compute.kernel": "auto", "compute.device": "cuda"})
    expected, weights = weights_after(params, lambda block: None, share=share)
    made: list[GraphReplay] = []
    found, own = weights_after(params, lambda block: made.append(GraphReplay(block)) or made[0], share=share)
    assert made[0].again is not None
    assert torch.equal(found, expected)
    for name, value in weights.items():
        assert torch.equal(own[name], value), name
