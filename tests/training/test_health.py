import numpy as np
import pytest
import torch
from networks import build_block, compute_of

from pipeline.training import loop
from pipeline.training.health import firing
from pipeline.training.loop import fit
from pipeline.training.params import TrainingParams
from pipeline.training.step import TrainingSet
from pipeline.training.watch import warnings


class Noise:
    """Spikes of either sign, the same at every reading."""

    def read(self, rows, realisation, count=0):
        return {"b0": np.random.default_rng(0).integers(-1, 2, (len(rows), 6, 8, 8, 1)).astype(np.int8)}

    def to_device(self, host, device, dtype):
        return {"b0": torch.from_numpy(host["b0"]).to(dtype).permute(1, 0, 4, 2, 3)}


def trained(make_params, capsys, epochs=1, loss=None, **changes):
    """What a training of block 1 prints."""
    params = make_params({"compute.kernel": "reference", **changes})
    block = build_block(params, ["b1"], 1, 3, False, "b1")
    part = TrainingSet(Noise(), np.arange(24), np.arange(24) % 3)
    how = TrainingParams(epochs=epochs, batch_size=8, schedule="constant")
    fit(compute_of(params), how, block, [part], "b1", params.blocks["b1"].learning_rate, 0, loss=loss)
    return capsys.readouterr().out, block, params


def test_a_healthy_training_says_nothing(make_params, capsys):
    assert "warning" not in trained(make_params, capsys, epochs=9)[0]


def test_a_layer_that_never_fires_is_named_at_once(make_params, capsys):
    said, *_ = trained(make_params, capsys, **{"neuron.threshold": 100.0})
    assert "warning: b1: no neuron of layer b1_0 fires; lower neuron.threshold" in said


@pytest.mark.parametrize("rate", [100.0, 1e38])
def test_a_loss_worse_than_guessing_is_said(rate, make_params, capsys):
    said, *_ = trained(make_params, capsys, epochs=2, **{"blocks.b1.learning_rate": rate})
    assert "warning: b1: the loss is" in said and "where guessing has 1.1; lower the learning rate" in said


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 4.61])
def test_a_loss_that_is_no_number_is_worse_than_guessing(loss):
    assert list(warnings("b1", {"class_loss": loss}, 10, ended=False)) == ["loss"]
    assert warnings("b1", {"class_loss": 4.6}, 10, ended=False) == {}


def test_a_loss_that_has_not_moved_when_training_ends_is_that_of_guessing():
    assert "the loss is 2.29, that of guessing" in warnings("b1", {"class_loss": 2.29}, 10)["no better"]
    assert warnings("b1", {"class_loss": 2.29}, 10, ended=False) == warnings("b1", {"class_loss": 2.2}, 10) == {}


@pytest.mark.parametrize(("factor", "said"), [(1e6, False), (float("nan"), True)])
def test_of_a_loss_of_ones_own_it_is_said_where_it_is_no_number(factor, said, make_params, capsys):
    lines = trained(make_params, capsys, loss=lambda output, tensors: factor * output.logits.square().sum())[0]
    assert ("warning: b1: the loss is nan" in lines) == said


def test_what_goes_wrong_later_is_said_then_and_once(make_params, capsys, monkeypatch):
    losses = iter([1.0, float("nan"), float("nan"), float("nan")])
    epoch = loop._epoch
    monkeypatch.setattr(loop, "_epoch", lambda *given: epoch(*given) | {"class_loss": next(losses)})
    lines = trained(make_params, capsys, epochs=4)[0].splitlines()
    (warned,) = [number for number, line in enumerate(lines) if line.startswith("warning: b1: the loss is nan")]
    assert "epoch 2/4" in lines[warned - 1]


@pytest.mark.parametrize(
    ("rate", "levels", "words"), [(0.995, 1, "fire nearly always"), (3.99, 4, "fire nearly always"), (0.995, 4, "")]
)
def test_a_layer_that_always_fires(rate, levels, words):
    told = warnings("b2", {"class_loss": 1.0, "rate_b2_0": rate}, 10, levels)
    assert (words in told["full b2_0"]) if words else told == {}


def test_a_layer_of_which_few_neurons_fire_is_named_with_their_share():
    row = {"class_loss": 1.0, "rate_b1_0": 0.001, "silent_b1_0": 0.998, "rate_b1_1": 0.1, "silent_b1_1": 0.5}
    assert list(warnings("b1", row, 10).values()) == [
        "b1: 99.8 % of the neurons of layer b1_0 never fire; lower neuron.threshold, or raise network.init_gain"
    ]


def test_watching_changes_nothing(make_params, capsys):
    _, block, params = trained(make_params, capsys)
    before = {name: value.clone() for name, value in block.state_dict().items()}
    host = Noise().read(np.arange(8), 0)
    block.train()
    found = firing(compute_of(params), block, Noise().to_device(host, torch.device("cpu"), torch.float32))
    spikes = block.trunk(Noise().to_device(host, torch.device("cpu"), torch.float32))
    last = block.trunk.plans[-1].trunk[-1].name
    assert found[f"rate_{last}"] == pytest.approx(float(spikes.detach().mean()))
    assert found[f"silent_{last}"] == pytest.approx(float((spikes.detach().sum((0, 1)) == 0).float().mean()))
    assert block.training
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())
