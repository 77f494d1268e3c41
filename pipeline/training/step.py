"""One training step (Algorithm 2): cross-entropy on the last membrane potentials, plus the HCD's; backward; the optimiser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pipeline.network.block import Block, Dropout
from pipeline.training.device import Compute
from pipeline.training.feed import Feed, Host

Tensors = dict[str, Tensor]
"""What a micro-batch's passes read: spikes by the key of the block that emitted them, and COLUMN, HARD, MASK where they are."""
COLUMN, HARD, MASK = "column", "hard", "mask"
Passes = Callable[[Tensors], Tensor]
"""Forward and backward of a micro-batch: gradients add up in the weights; the sums that `accumulate` returns."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows `rows` of `feed` with target columns `column` int64 and, where an HCD is trained, `hard` float32 in {0, 1}; `split`
    tells the rows of one part from another's."""

    feed: Feed
    rows: np.ndarray
    column: np.ndarray
    hard: np.ndarray | None = None
    split: str = "train"


@dataclass(frozen=True)
class MicroBatch:
    """Positions within one part that go through the network together; `ends_batch` where the optimiser steps after it."""

    part: TrainingSet
    positions: np.ndarray
    batch_size: int
    ends_batch: bool

    def read(self, realisation: int) -> Host:
        """Its input spikes on the host, with an epoch's noise."""
        return self.part.feed.read(self.part.rows[self.positions], realisation)


def accumulate(
    compute: Compute, block: Block, micro: MicroBatch, host: Host, dropout: Dropout | None = None, smoothing: float = 0.0,
    steps: Sequence[int] = (), replay: Callable[[Tensors, Passes, object], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Forward and backward of one micro-batch, with that share of label smoothing. The class loss is the mean of those after each
    of `steps` and after all steps. `replay` may repeat recorded passes instead of computing them (`pipeline.training.replay`).

    Returns the sums of class loss, HCD loss and correct predictions, float64 `[3]` on the device: nothing waits for it.
    """
    part = micro.part
    if not len(micro.positions):
        return torch.zeros(3, dtype=torch.float64, device=compute.device)
    targets = {COLUMN: part.column, **({} if part.hard is None else {HARD: part.hard})}
    tensors = {name: torch.from_numpy(values[micro.positions]).to(compute.device) for name, values in targets.items()}
    with compute.autocast():
        bundle = part.feed.to_device(host, compute.device, compute.dtype)
    tensors |= bundle if dropout is None else {**bundle, MASK: dropout.mask}
    every = len(next(iter(bundle.values())))
    share = None if dropout is None else dropout.share
    constants = micro.batch_size, share, smoothing, tuple(step for step in steps if step < every)
    passes = partial(_passes, compute, block, *constants)
    return passes(tensors) if replay is None else replay(tensors, passes, constants)


def _passes(
    compute: Compute, block: Block, batch_size: int, share: float | None, smoothing: float, steps: Sequence[int], tensors: Tensors
) -> Tensor:
    bundle = {name: tensor for name, tensor in tensors.items() if name not in (COLUMN, HARD, MASK)}
    column = tensors[COLUMN]
    with compute.autocast():
        output = block(bundle, None if share is None else Dropout(tensors[MASK], share), steps)
    losses = [
        cross_entropy(logits, column, reduction="sum", label_smoothing=smoothing) for logits in [*output.early, output.logits]
    ]
    class_loss = sum(losses[1:], losses[0]) / len(losses)
    hcd_loss = torch.zeros_like(class_loss)
    if HARD in tensors:
        hcd_loss = binary_cross_entropy_with_logits(output.hcd_logit, tensors[HARD], reduction="sum")
    compute.fabric.backward((class_loss + hcd_loss) / batch_size)
    correct = (output.logits.detach().argmax(1) == column).sum()
    return torch.stack([class_loss.detach(), hcd_loss.detach(), correct]).double()


def optimizer_step(compute: Compute, block: Block, optimizer: torch.optim.Optimizer) -> None:
    """Add up the gradients of all processes and let the optimiser step."""
    fabric = compute.fabric
    if fabric.world_size > 1:
        for weight in block.parameters():
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            weight.grad = torch.as_tensor(fabric.all_reduce(gradient, reduce_op="sum"))
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
