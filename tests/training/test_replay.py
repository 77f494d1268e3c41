"""Replayed passes give what passes give. A stand-in for a CUDA graph repeats them on the same memory, as a graph does."""

import pytest
import torch
from networks import build_block, compute_of
from quadrants import CLASSES, training_set

from pipeline.base.seeding import numpy_generator
from pipeline.network.block import Dropout
from pipeline.training.dropout import dropped, keep_mask
from pipeline.training.loop import _plan
from pipeline.training.optimizer import make_optimizer
from pipeline.training.replay import WARM_UP, Replays, replays
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
    compute, part = compute_of(params), training_set(45, hcd=hcd)
    block = build_block(params, ["b1"], 1, CLASSES, hcd, "b1")
    block.train()
    optimizer, replay, found = make_optimizer(params.training, block, 0.05), replay_of(block), []
    for epoch in range(epochs):
        for one in _plan([part], batch, micro, numpy_generator(0, epoch), 0, 1):
            rows = part.rows[one.positions]
            mask = torch.from_numpy(keep_mask(rows, block.classifier_inputs, share, 0, "b1", "train", epoch)) if share else None
            dropout = None if mask is None else Dropout(mask, dropped(share))
            found.append(accumulate(compute, block, one, one.read(epoch), dropout, 0.1, [2], replay).clone())
            if one.ends_batch:
                optimizer_step(compute, block, optimizer)
    return torch.stack(found), block.state_dict()


@pytest.mark.parametrize("changes", [{}, {"network.norm": "batch"}, {"blocks.b1.hidden": 8}, {"compute.kernel": "reference"}])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_replayed_steps_are_the_steps(changes, share, make_params):
    """45 images in batches of 16, by eight: five whole micro-batches an epoch are one shape, the last five images are another."""
    params, recorder = make_params(changes), Recorder()
    expected, weights = weights_after(params, lambda block: None, share=share)
    found, own = weights_after(params, lambda block: Replays(block, recorder), share=share)
    assert (recorder.recordings, recorder.replayed) == (1, 7)
    assert torch.equal(found, expected)
    for name, value in weights.items():
        assert torch.equal(own[name], value), name


def test_stale_gradients_are_found(make_params):
    """Without its zeros a recording goes on adding to the last batch's gradients."""
    expected, _ = weights_after(make_params(), lambda block: None)

    class Stale(Replays):
        def _return_gradients(self):
            for weight, own in self.gradients:
                weight.grad = own

    found, _ = weights_after(make_params(), lambda block: Stale(block, Recorder()))
    assert not torch.equal(found, expected)


def test_what_cannot_be_recorded_is_computed(make_params, capsys):
    def refuse(call):
        call()
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    expected, weights = weights_after(make_params({"network.norm": "batch"}), lambda block: None)
    found, own = weights_after(make_params({"network.norm": "batch"}), lambda block: Replays(block, refuse))
    assert torch.equal(found, expected)
    assert all(torch.equal(own[name], value) for name, value in weights.items())
    said = capsys.readouterr().out.strip()
    assert said == "passes are not recorded as a CUDA graph: operation not permitted when stream is capturing"


def test_large_passes_are_not_recorded(make_params, monkeypatch):
    monkeypatch.setattr(Replays, "most", 19)  # fewer than five images of four steps have
    recorder = Recorder()
    weights_after(make_params(), lambda block: Replays(block, recorder))
    assert recorder.recordings == 0


def test_a_step_that_stands_for_all_is_not_recorded():
    replay = Replays(torch.nn.Linear(1, 1), Recorder())
    one = torch.zeros(1, 2, 3)
    assert replay._small({"b0": one})
    assert replay._small({"b0": one.expand(4, 2, 3).contiguous()})
    assert not replay._small({"b0": one.expand(4, 2, 3)})


def test_the_cpu_has_no_graphs(make_params):
    assert replays(compute_of(make_params()), torch.nn.Linear(1, 1)) is None
