"""The paper's own networks, counted from their parameter files and not run: training memory and parameters."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.accounting.training_memory import classifier_weights, megabytes, weight_count
from pipeline.base.files import write_csv
from pipeline.base.parameters import load_parameters
from pipeline.encoding.params import EncodingParams
from pipeline.network.build import Design
from pipeline.network.params import BlockParams, Blocks, NetworkParams, NetworkSections
from pipeline.network.plan import BlockPlan, plan_blocks
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import TrainingParams

IMAGE = (3, 32, 32)
PAPER_SCALE = {
    "cifar10_resnet9": Path("experiments/cifar10-resnet9.yaml"),
    "cifar100_resnet11": Path("experiments/cifar100-resnet11.yaml"),
}
"""Parameter files of the paper's networks, by its sections."""
CLASSES = {"cifar10_resnet9": (10, 10, 3), "cifar100_resnet11": (100, 100, 80, 80)}
"""Classes of each block: from block 3 on the hard ones, 3 on CIFAR-10 (section 5.2), about 80 at a threshold of 93 % on CIFAR-100
(section 6.1)."""
READS = {
    "seed": int, "encoding": EncodingParams, "neuron": NeuronParams, "network": NetworkParams, "blocks": BlockParams,
    "training": TrainingParams,
}  # fmt: skip


class PaperSections(NetworkSections, Protocol):
    """The sections that the counts read."""

    encoding: EncodingParams
    training: TrainingParams


def papers_networks(root: Path, images: int, folder: Path) -> None:
    """Write paper_training_memory.csv (total MB of training each block and the whole network, for `images` images and for a
    mini-batch, and how many times less the blocks need) and paper_parameters.csv (parameters over end to end's)."""
    memory, parameters = [], []
    for name, path in PAPER_SCALE.items():
        params: PaperSections = load_parameters(root / path, READS)
        plans, classes = list(plan_blocks(params, IMAGE).values()), CLASSES[name]
        for count in {images: None, params.training.batch_size: None}:
            memory += [[name, *row] for row in _memory(plans, classes, count, params.encoding.time_steps)]
        for remedy, blocks in remedies(params.blocks).items():
            plans = list(plan_blocks(Design(blocks, params.neuron, params.network), IMAGE).values())
            own, whole = _weights(plans, classes[-len(plans) :]), _weights(plans, classes[:1])
            parameters.append([name, remedy, own, whole, own / whole])
    write_csv(folder / "paper_training_memory.csv", ("network", "images", "method", "block", "total_mb", "reduction"), memory)
    write_csv(folder / "paper_parameters.csv", ("network", "classifiers", "bloctrain", "end_to_end", "overhead"), parameters)


def _memory(plans: Sequence[BlockPlan], classes: Sequence[int], images: int, steps: int) -> Iterable[list[object]]:
    whole = sum(megabytes(plans, plans, classes[0], False, images, steps))
    for depth, (plan, outputs) in enumerate(zip(plans, classes, strict=True)):
        mb = sum(megabytes(plans[: depth + 1], [plan], outputs, depth > 0, images, steps))
        yield [images, "bloctrain", plan.key, mb, whole / mb]
    yield [images, "end_to_end", plans[-1].key, whole, 1.0]


def _weights(plans: Sequence[BlockPlan], classes: Sequence[int]) -> int:
    """Of all trunks and of the last blocks' classifiers, one for each of `classes`, with an HCD from the second block on."""
    last = plans[-len(classes) :]
    own = (classifier_weights(plan, outputs, depth > 0) for depth, (plan, outputs) in enumerate(zip(last, classes, strict=True)))
    return weight_count(plans) + sum(own)


def remedies(blocks: Blocks) -> dict[str, Blocks]:
    """The blocks as they are, and with the remedies that section 5.3 names against the parameters that classifiers cost: one
    classifier for blocks 1 and 2 merged, linear classifiers, both."""
    merged, linear = _merged(blocks), _linear(blocks)
    return {"as stated": blocks, "blocks 1 and 2 merged": merged, "linear": linear, "merged and linear": _linear(merged)}


def _merged(blocks: Blocks) -> Blocks:
    first, second, *rest = blocks.values()
    own = [second.model_copy(update={"prev": first.prev, "layers": [*first.layers, *second.layers]}), *rest]
    return {f"b{n}": block.model_copy(update={"prev": f"b{n - 1}"}) for n, block in enumerate(own, start=1)}


def _linear(blocks: Blocks) -> Blocks:
    return {key: block.model_copy(update={"hidden": 0}) for key, block in blocks.items()}
