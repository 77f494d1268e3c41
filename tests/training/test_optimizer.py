import pytest
import torch

from pipeline.training.optimizer import RISE, decay, make_optimizer, set_rate
from pipeline.training.params import TrainingParams
from pipeline.training.resume import Checkpoint


def training(**changes) -> TrainingParams:
    return TrainingParams.model_validate({"epochs": 2, "batch_size": 4, "schedule": "constant"} | changes)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, bias=False), torch.nn.BatchNorm2d(3))


def test_one_cycle_rises_then_falls_to_nothing():
    rates = [decay("one_cycle", epoch, 4, step, 25) for epoch in range(4) for step in range(25)]
    peak = round(RISE * 100)
    assert rates[0] == pytest.approx(1 / peak)
    assert max(rates) == 1.0
    assert rates[: peak - 1] == sorted(rates[: peak - 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_sgd_by_hand():
    made = network()
    optimizer = make_optimizer(training(optimizer="sgd", weight_decay=0.1), made, 0.5)
    conv, scale = made[0].weight.detach().clone(), made[1].weight.detach().clone()
    for weight in made.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    torch.testing.assert_close(made[0].weight, conv - 0.5 * 1.9 * (1 + 0.1 * conv))  # Nesterov's first step is 1 + momentum
    torch.testing.assert_close(made[1].weight, scale - 0.5 * 1.9)  # no decay


def test_adam_is_the_papers_unless_told_otherwise():
    made = network()
    optimizer = make_optimizer(training(), made, 0.1)
    assert isinstance(optimizer, torch.optim.Adam)
    assert len(optimizer.param_groups) == 1
    assert make_optimizer(training(weight_decay=0.1), made, 0.1).param_groups[1]["weight_decay"] == 0.0


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_resumed_training_with_a_normalisation_is_bitwise_the_same(optimizer, folder):
    how = training(optimizer=optimizer, weight_decay=0.01)

    def steps(made, own, count):
        for number in range(count):
            own.zero_grad()
            made(torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(number))).square().sum().backward()
            own.step()

    whole, half = network(), network()
    steps(whole, make_optimizer(how, whole, 0.1), 3)
    own = make_optimizer(how, half, 0.1)
    steps(half, own, 3)
    fresh = network()
    fresh_own = make_optimizer(how, fresh, 0.1)
    with Checkpoint(folder, "x") as checkpoint:
        checkpoint.save(half, own, [])
        checkpoint.load(fresh, fresh_own)
    steps(half, own, 2)
    steps(fresh, fresh_own, 2)
    assert all(torch.equal(a, b) for a, b in zip(half.state_dict().values(), fresh.state_dict().values(), strict=True))


def test_readouts_have_their_share_of_the_rate():
    made = torch.nn.Module()
    made.readout, made.hcd, made.other = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    optimizer = make_optimizer(training(optimizer="sgd", readout_rate=0.25), made, 0.1)
    set_rate(optimizer, 0.4)
    for weight in made.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    moved = [-float(weight.detach()[0]) for weight in (made.readout, made.hcd, made.other)]
    assert moved == pytest.approx([0.19, 0.19, 0.76])  # Nesterov's first step is 1 + momentum
    plain = make_optimizer(training(), made, 0.1)
    set_rate(plain, 0.4)
    assert [group["lr"] for group in plain.param_groups] == [0.4]
