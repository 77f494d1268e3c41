"""The optimiser of one training, and its learning rate over the steps."""

from math import cos, pi

import torch
from torch import nn

from pipeline.training.params import TrainingParams

MOMENTUM = 0.9
FACTOR = "factor"
READOUTS = ("readout", "hcd")
"""Weights of a block that are read as potentials."""
RISE = 0.2
"""Share of the steps in which a one-cycle rate rises."""


def make_optimizer(training: TrainingParams, network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, or stochastic gradient descent with Nesterov momentum. Weights of normalisations do not decay; those of readouts and
    of jointly trained HCDs have their own share of the rate, FACTOR of their group."""
    if training.optimizer == "adam" and not training.weight_decay and training.readout_rate == 1:
        return torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    norms = {id(weight) for part in network.modules() if isinstance(part, nn.BatchNorm2d) for weight in part.parameters()}
    readouts = {id(weight) for name, weight in network.named_parameters() if name in READOUTS}
    groups = [
        {"params": [p for p in network.parameters() if id(p) not in norms | readouts], "weight_decay": training.weight_decay},
        {"params": [p for p in network.parameters() if id(p) in norms], "weight_decay": 0.0},
        {
            "params": [p for p in network.parameters() if id(p) in readouts],
            "weight_decay": training.weight_decay,
            FACTOR: training.readout_rate,
        },
    ]
    if training.optimizer == "adam":
        return torch.optim.Adam(groups, lr=learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=MOMENTUM, nesterov=True, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of weights its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(FACTOR, 1.0)


def decay(schedule: str, epoch: int, epochs: int, step: int, steps: int) -> float:
    """The factor on the learning rate at one of the `steps` of an epoch, both counted from 0."""
    if schedule == "one_cycle":
        done, total = epoch * steps + step, epochs * steps
        return min((done + 1) / (RISE * total), (total - done) / ((1 - RISE) * total), 1.0)
    return 1.0 if schedule == "constant" else 0.5 * (1 + cos(pi * epoch / epochs))
