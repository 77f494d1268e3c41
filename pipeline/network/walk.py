"""One walk through the layers of one or several blocks, whatever is done at each: run it, count it, record it.

What blocks hand on to each other is a bundle: spikes `[T, B, C, H, W]` by the key of the block that emitted them (b0: the
encoder). A block reads the output of the block before it from the bundle, and those of earlier blocks where its plan says so.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from pipeline.network.plan import BlockPlan, LayerPlan

Bundle = dict[str, Tensor]
Call = Callable[[LayerPlan, list[Tensor]], Tensor]


def walk(plans: Iterable[BlockPlan], bundle: Mapping[str, Tensor], call: Call) -> Bundle:
    """Every layer of the blocks in order: `call` gets its plan and its inputs, the main one first, and gives its output.

    Returns the bundle with the output of each block added.
    """
    outputs = dict(bundle)
    for plan in plans:
        inside: dict[str, Tensor] = {}
        for layer in plan.trunk:
            inputs = [inside[one.source] if one.source in inside else outputs[one.source] for one in layer.inputs]
            inside[layer.name] = call(layer, inputs)
            _forget(inside, plan, layer)
        outputs[plan.key] = inside[plan.trunk[-1].name]
    return outputs


def _forget(inside: dict[str, Tensor], plan: BlockPlan, done: LayerPlan) -> None:
    """Drop outputs that no later layer of the block reads, so that their memory is free."""
    later = plan.trunk[plan.trunk.index(done) + 1 :]
    needed = {one.source for layer in later for one in layer.inputs} | {plan.trunk[-1].name}
    for name in [name for name in inside if name not in needed]:
        del inside[name]


def rows_of(bundle: Bundle, rows: Tensor) -> Bundle:
    """The bundle of some of the images, by their places on the batch axis."""
    return {key: spikes[:, rows] for key, spikes in bundle.items()}


def joined(bundles: list[Bundle]) -> Bundle:
    """Bundles with the same keys, one after the other on the batch axis."""
    return {key: torch.cat([bundle[key] for bundle in bundles], dim=1) for key in bundles[0]}
