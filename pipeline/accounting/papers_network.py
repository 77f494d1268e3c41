"""Training memory of the paper's own ResNet-9 on CIFAR-10: counted from its parameter file, not run."""

from pathlib import Path
from typing import Protocol

from pipeline.accounting.training_memory import megabytes
from pipeline.base.files import write_csv
from pipeline.base.parameters import load_parameters
from pipeline.encoding.params import EncodingParams
from pipeline.network.params import BlockParams, NetworkParams, NetworkSections
from pipeline.network.plan import plan_blocks
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import TrainingParams

CLASSES = (10, 10, 3)
"""Classes of each block of the paper's ResNet-9: block 3 trains on the hard ones after block 1 (section 5.2)."""
IMAGE = (3, 32, 32)
READS = {
    "seed": int, "encoding": EncodingParams, "neuron": NeuronParams, "network": NetworkParams, "blocks": BlockParams,
    "training": TrainingParams, "deepest": str,
}  # fmt: skip


class PaperSections(NetworkSections, Protocol):
    """The sections that the count reads."""

    encoding: EncodingParams
    training: TrainingParams
    deepest: str


def papers_training_memory(parameters: Path, path: Path) -> None:
    """Write total MB of training each block, then the whole network, and how many times less the blocks need."""
    params: PaperSections = load_parameters(parameters, READS)
    plans = list(plan_blocks(params, IMAGE).values())
    batch, steps = params.training.batch_size, params.encoding.time_steps
    chains = [plans[: depth + 1] for depth in range(len(plans))]
    blocks = [
        sum(megabytes(chain, chain[-1:], classes, depth > 0, batch, steps))
        for depth, (chain, classes) in enumerate(zip(chains, CLASSES, strict=True))
    ]
    whole = sum(megabytes(plans, plans, CLASSES[0], False, batch, steps))
    rows = [["bloctrain", key, mb, whole / mb] for key, mb in zip(params.blocks, blocks, strict=True)]
    write_csv(path, ("method", "block", "total_mb", "reduction"), [*rows, ["end_to_end", params.deepest, whole, 1.0]])
