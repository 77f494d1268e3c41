"""Whole trainings: they learn, and end with the same bits when they are repeated or resumed."""

import time
from pathlib import Path

import pytest
import torch
from networks import build_block, compute_of
from quadrants import CLASSES, training_set

from pipeline.training.loop import HISTORY, fit
from pipeline.training.resume import Checkpoint


def train(params, digest, parts, validate=None, seed_name="b1"):
    block = build_block(params, ["b1"], 1, CLASSES, parts[0].hard is not None, "b1")
    with Checkpoint(Path(".resume"), digest) as checkpoint:
        history = fit(compute_of(params), params.training, block, parts, seed_name, 0.01, params.seed, checkpoint, validate)
    return block.state_dict(), history


def without_seconds(history):
    return [{name: row[name] for name in HISTORY} for row in history]


class KilledError(Exception):
    pass


EVENTS = {"device": "cpu", "micro_batch": 16, "kernel": "events"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training.schedule": "cosine"},
        {"training.dropout": 0.5},
        {"compute": EVENTS},
        {"compute": EVENTS | {"precision": "bf16"}},
    ],
    ids=["", "cosine", "dropout", "events", "events in bf16"],
)
def test_a_resumed_training_ends_with_the_same_bits(changes, folder, make_params, capsys):
    params, parts = make_params(changes), [training_set(40, hcd=True), training_set(9, 1, hcd=True)]
    whole, whole_history = train(params, "whole", parts, lambda block: 0.5)
    calls = []

    def killed_in_the_second_epoch(block):
        calls.append(block)
        if len(calls) == 2:
            raise KilledError
        return 0.5

    with pytest.raises(KilledError):
        train(params, "cut", parts, killed_in_the_second_epoch)
    assert (folder / ".resume" / "cut" / "checkpoint.safetensors").exists()
    capsys.readouterr()
    resumed, history = train(params, "cut", parts, lambda block: 0.5)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert without_seconds(history) == without_seconds(whole_history)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert "epoch 1/3" not in capsys.readouterr().out  # the first epoch was not run again
    assert not (folder / ".resume" / "cut").exists()


def test_guard_a_restart_without_the_optimiser_would_end_elsewhere(folder, make_params, monkeypatch):
    params, parts = make_params(), [training_set(40)]
    whole, _ = train(params, "whole", parts)
    load = Checkpoint.load

    def forget(self, model, optimizer):
        return load(self, model, torch.optim.Adam(model.parameters()))

    calls = []

    def killed(block):
        calls.append(1)
        if len(calls) == 2:
            raise KilledError
        return 0.5

    with pytest.raises(KilledError):
        train(params, "cut", parts, killed)
    monkeypatch.setattr(Checkpoint, "load", forget)
    resumed, _ = train(params, "cut", parts)
    assert not torch.equal(resumed["readout"], whole["readout"])


def test_training_learns_and_repeats_itself(folder, make_params):
    params, parts = make_params({"training.epochs": 6}), [training_set(120)]
    first, history = train(params, "a", parts)
    again, _ = train(params, "b", parts)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert history[-1]["train_accuracy"] > 0.8
    assert history[0]["hcd_loss"] is None
    other, _ = train(params, "c", parts, seed_name="b2")
    assert not torch.equal(first["readout"], other["readout"])
    dropped, _ = train(make_params({"training.epochs": 6, "training.dropout": 0.5}), "d", parts)
    assert not torch.equal(first["readout"], dropped["readout"])


@pytest.fixture(params=[1, 2])
def threads(request):
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize("kernel", ["reference", "lean", "auto"])
def test_the_same_bytes_on_one_thread_and_on_two(folder, make_params, threads, kernel, precision):
    compute = {"device": "cpu", "micro_batch": 16, "kernel": kernel, "precision": precision, "threads": threads}
    params, parts = make_params({"training.epochs": 2, "compute": compute}), [training_set(96)]
    first, _ = train(params, "a", parts)
    again, _ = train(params, "b", parts)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_history_names_the_losses(folder, make_params):
    _, history = train(make_params({"training.epochs": 1}), "a", [training_set(30, hcd=True)], lambda block: 0.25)
    (row,) = history
    watched = {name: value for name, value in row.items() if name.startswith(("rate_", "silent_"))}
    assert set(row) == {*HISTORY, "seconds", *watched}
    assert watched and all(0 <= value < 1 for value in watched.values())
    assert row["loss"] == pytest.approx(row["class_loss"] + row["hcd_loss"])
    assert row["validation_accuracy"] == 0.25
    assert row["learning_rate"] == 0.01


def test_a_training_ends_after_the_epoch_in_which_its_deadline_passes(make_params):
    params, part = make_params({"training.epochs": 5}), training_set(30)
    block = build_block(params, ["b1"], 1, CLASSES, False, "b1")
    common = compute_of(params), params.training, block, [part], "b1", 0.01, 0
    assert len(fit(*common, deadline=time.monotonic())) == 1
    assert len(fit(*common, deadline=time.monotonic() + 3600)) == 5


def test_every_epoch_trains_in_training_mode(make_params):
    params, part = make_params({"training.epochs": 3}), training_set(30)
    block, modes = build_block(params, ["b1"], 1, CLASSES, False, "b1"), []
    block.register_forward_pre_hook(lambda module, _: modes.append(module.training))

    def validate(trained):
        trained.eval()  # as an evaluation might leave it
        return 0.0

    fit(compute_of(params), params.training, block, [part], "b1", 0.01, 0, validate=validate)
    assert modes and all(modes)
