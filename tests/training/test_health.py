import numpy as np
import pytest
import torch
from networks import build_block, compute_of

from pipeline.training.health import rates
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


def trained(make_params, capsys, epochs=1, **changes):
    """What a training of block 1 prints."""
    params = make_params({"compute.kernel": "reference", **changes})
    block = build_block(params, ["b1"], 1, 3, False, "b1")
    part = TrainingSet(Noise(), np.arange(24), np.arange(24) % 3)
    how = TrainingParams(epochs=epochs, batch_size=8, schedule="constant")
    fit(compute_of(params), how, block, [part], "b1", params.blocks["b1"].learning_rate, 0)
    return capsys.readouterr().out, block, params


def test_a_healthy_training_says_nothing(make_params, capsys):
    assert "warning" not in trained(make_params, capsys)[0]


def test_a_layer_that_never_fires_is_named_at_once(make_params, capsys):
    said, *_ = trained(make_params, capsys, **{"neuron.threshold": 100.0})
    assert "warning: b1: no neuron of layer b1_0 fires; lower neuron.threshold" in said


@pytest.mark.parametrize("rate", [100.0, 1e38])
def test_a_loss_worse_than_guessing_is_said(rate, make_params, capsys):
    said, *_ = trained(make_params, capsys, epochs=2, **{"blocks.b1.learning_rate": rate})
    assert "warning: b1: the loss is" in said and "where guessing has 1.1; lower the learning rate" in said


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 4.61])
def test_a_loss_that_is_no_number_is_worse_than_guessing(loss):
    assert len(warnings("b1", {}, loss, 10)) == 1
    assert warnings("b1", {}, 4.6, 10) == []


@pytest.mark.parametrize(
    ("rate", "levels", "words"), [(0.995, 1, "fire nearly always"), (3.99, 4, "fire nearly always"), (0.995, 4, "")]
)
def test_a_layer_that_always_fires(rate, levels, words):
    told = warnings("b2", {"b2_0": rate}, 1.0, 10, levels)
    assert (words in told[0]) if words else told == []


def test_watching_changes_nothing(make_params, capsys):
    _, block, params = trained(make_params, capsys)
    before = {name: value.clone() for name, value in block.state_dict().items()}
    host = Noise().read(np.arange(8), 0)
    block.train()
    found = rates(compute_of(params), block, Noise().to_device(host, torch.device("cpu"), torch.float32))
    spikes = block.trunk(Noise().to_device(host, torch.device("cpu"), torch.float32))
    assert found[block.trunk.plans[-1].trunk[-1].name] == pytest.approx(float(spikes.detach().mean()))
    assert block.training
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())
