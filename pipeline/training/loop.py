"""Mini-batch training of one network (Algorithm 2): epochs, their order, learning rates and histories."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil, isfinite

import numpy as np
import torch
from tqdm import tqdm

from pipeline.base.seeding import numpy_generator
from pipeline.network.block import Block, Dropout
from pipeline.network.layers import SpikingConv
from pipeline.training.device import Compute
from pipeline.training.dropout import dropped, keep_mask
from pipeline.training.feed import read_ahead
from pipeline.training.health import firing
from pipeline.training.optimizer import decay, make_optimizer, set_rate
from pipeline.training.params import TrainingParams
from pipeline.training.replay import GraphReplay, graph_replay
from pipeline.training.resume import Checkpoint
from pipeline.training.step import Loss, MicroBatch, TrainingSet, accumulate, optimizer_step
from pipeline.training.watch import warnings

HISTORY = ("epoch", "learning_rate", "loss", "class_loss", "hcd_loss", "train_accuracy", "validation_accuracy")
EpochRow = dict[str, float | None]
REDRAW = 0.5
"""Seconds between two drawings of a progress bar."""


@dataclass(frozen=True)
class Job:
    """One training: the network, where and how it is trained, its name and the seed, which name its random generators, and
    the class loss, if it is not the paper's."""

    compute: Compute
    training: TrainingParams
    block: Block
    name: str
    seed: int
    loss: Loss | None = None


def fit(
    compute: Compute, training: TrainingParams, block: Block, parts: list[TrainingSet], name: str, learning_rate: float,
    seed: int, checkpoint: Checkpoint | None = None, validate: Callable[[Block], float] | None = None,
    deadline: float | None = None, graphs: bool = True, loss: Loss | None = None,
) -> list[EpochRow]:  # fmt: skip
    """Train `block` in place on the union of `parts`; return the history, with the training `seconds` of each epoch
    and, in the first process, columns RATE and SILENT per layer (`pipeline.training.watch`).

    Each epoch visits every image once, in an order drawn from the generator (seed, "order", name, epoch); mini-batches
    of `training.batch_size` go through the network in micro-batches of `compute.micro_batch` whose gradients add up,
    over all processes. `validate` gives an accuracy after each epoch, for the record only. Resumes from `checkpoint`. After the
    first epoch that ends behind `deadline` (of `time.monotonic`) it stops. `graphs`: replay passes as CUDA graphs where that is
    possible (`pipeline.training.replay`); without, for layers whose Python changes what it does in the course of training. `loss`
    takes the place of the paper's class loss; a detector's is added to it all the same.
    """
    job = Job(compute, training, compute.place(block), name, seed, loss)
    optimizer = make_optimizer(training, block, learning_rate)
    history = checkpoint.load(block, optimizer) if checkpoint else []
    compute.fabric.barrier()  # all have loaded before the first saves anew or cleans up
    replay = graph_replay(compute, job.block) if graphs else None
    told: set[str] = set()
    for epoch in range(len(history), training.epochs):
        started = time.perf_counter()
        row: EpochRow = {"epoch": epoch + 1}
        row |= _epoch(job, optimizer, parts, epoch, learning_rate, replay)
        row["seconds"] = time.perf_counter() - started
        row["validation_accuracy"] = validate(block) if validate else None
        history.append(row)
        if compute.first:
            row |= _firing(job, parts[0])
            if checkpoint:
                checkpoint.save(block, optimizer, history)
            if not sys.stderr.isatty():
                print(_line(name, epoch, training.epochs, row), flush=True)
            own = loss is not None and isfinite(row["class_loss"] or 0.0)  # that of guessing is known of the paper's alone
            known = row | {"class_loss": 0.0} if own else row
            wrong = warnings(name, known, len(block.readout), _levels(block), epoch + 1 == training.epochs)
            for line in (line for what, line in wrong.items() if what not in told):
                tqdm.write(f"warning: {line}")
            told |= wrong.keys()
        compute.fabric.barrier()
        if deadline is not None and time.monotonic() > deadline:
            break
    return history


def _firing(job: Job, part: TrainingSet) -> dict[str, float]:
    """How often each layer fires, by the first images of a part with the noise of the first epoch."""
    host = part.feed.read(part.rows[: job.compute.micro_batch], 0)
    return firing(job.compute, job.block, part.feed.to_device(host, job.compute.device, job.compute.dtype))


def _levels(block: Block) -> int:
    """The most spikes that one of its neurons fires in a step."""
    return max((layer.neuron.levels for layer in block.trunk.layers.values() if isinstance(layer, SpikingConv)), default=1)


def _line(name: str, epoch: int, epochs: int, row: EpochRow) -> str:
    validation = row["validation_accuracy"]
    shown = "" if validation is None else f", validation {validation:.3f}"
    left = (epochs - epoch - 1) * (row["seconds"] or 0) / 60
    done = f"{name} epoch {epoch + 1}/{epochs}: loss {row['loss']:.4f}, train {row['train_accuracy']:.3f}{shown}"
    return f"{done}, {left:.1f} min left"


def _epoch(
    job: Job,
    optimizer: torch.optim.Optimizer,
    parts: list[TrainingSet],
    epoch: int,
    learning_rate: float,
    replay: GraphReplay | None,
) -> EpochRow:
    fabric, name, training = job.compute.fabric, job.name, job.training
    order = numpy_generator(job.seed, "order", name, epoch)
    plan = _plan(parts, training.batch_size, job.compute.micro_batch, order, fabric.global_rank, fabric.world_size)
    total = sum(len(part.rows) for part in parts)
    step, steps = 0, ceil(total / training.batch_size)
    sums = torch.zeros(3, dtype=torch.float64, device=job.compute.device)  # read when the bar is drawn, not at every step
    seen, drawn = 0, time.monotonic()
    job.block.train()
    with tqdm(total=total, desc=f"{name} epoch {epoch + 1}/{training.epochs}", unit="image", leave=False,
              disable=not (job.compute.first and sys.stderr.isatty()), mininterval=REDRAW) as bar:  # fmt: skip
        for micro, host in zip(plan, read_ahead([partial(micro.read, epoch) for micro in plan]), strict=True):
            dropout, early = _dropout(job, micro, epoch), training.loss_steps or ()
            sums += accumulate(job.compute, job.block, micro, host, dropout, training.label_smoothing, early, replay, job.loss)
            seen += len(micro.positions)
            if micro.ends_batch:
                rate = learning_rate * decay(training.schedule, epoch, training.epochs, step, steps)
                set_rate(optimizer, rate)
                step += 1
                optimizer_step(job.compute, job.block, optimizer)
                bar.update(micro.batch_size)
                if not bar.disable and time.monotonic() - drawn > REDRAW:
                    losses, right = float(sums[:2].sum()), float(sums[2])
                    bar.set_postfix(loss=f"{losses / seen:.3f}", accuracy=f"{right / seen:.3f}", refresh=False)
                    drawn = time.monotonic()
    if fabric.world_size > 1:
        sums = torch.as_tensor(fabric.all_reduce(sums, reduce_op="sum"))
    class_loss, hcd_loss, correct = (float(value) / total for value in sums)
    has_hcd = any(part.hard is not None for part in parts)
    return {"learning_rate": rate, "loss": class_loss + hcd_loss, "class_loss": class_loss,
            "hcd_loss": hcd_loss if has_hcd else None, "train_accuracy": correct}  # fmt: skip


def _dropout(job: Job, micro: MicroBatch, epoch: int) -> Dropout | None:
    """The inputs of the classifier that each image of a micro-batch keeps in this epoch."""
    share, rows = job.training.dropout, micro.part.rows[micro.positions]
    if not share:
        return None
    named = rows, job.block.classifier_inputs, share, job.seed, job.name, micro.part.split, epoch
    if job.compute.engine.name == "triton":
        from pipeline.training.device_dropout import device_keep_mask

        return Dropout(device_keep_mask(torch.from_numpy(rows).to(job.compute.device), *named[1:]), dropped(share))
    return Dropout(torch.from_numpy(keep_mask(*named)).to(job.compute.device), dropped(share))


def _plan(
    parts: list[TrainingSet], batch_size: int, micro_size: int, order: np.random.Generator, rank: int, world: int
) -> list[MicroBatch]:
    """The micro-batches of one epoch that process `rank` of `world` works through."""
    owner = np.concatenate([np.full(len(part.rows), index) for index, part in enumerate(parts)])
    position = np.concatenate([np.arange(len(part.rows)) for part in parts])
    shuffled = order.permutation(len(owner))
    plan = []
    for start in range(0, len(shuffled), batch_size):
        batch = shuffled[start : start + batch_size]
        mine = batch[rank::world]
        pieces = [(parts[index], position[mine[owner[mine] == index]]) for index in np.unique(owner[mine])]
        micro = [(part, p[s : s + micro_size]) for part, p in pieces for s in range(0, len(p), micro_size)]
        micro = micro or [(parts[0], position[:0])]  # every process takes part in every step
        plan += [MicroBatch(*piece, len(batch), index == len(micro) - 1) for index, piece in enumerate(micro)]
    return plan
