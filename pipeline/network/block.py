"""A trunk of spiking layers, and a block: a trunk with its classifier and, from the second on, hard class detector."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.engine.contract import Engine
from pipeline.network.layers import SpikingConv, SpikingLinear, SpikingPool
from pipeline.network.plan import BlockPlan, LayerPlan
from pipeline.network.walk import Bundle, Call, walk
from pipeline.neuron.pool import average


class Trunk(nn.Module):
    """The layers of one block or of several in sequence. Layer names are unique across blocks, so the weights of several
    blocks load into one trunk."""

    def __init__(self, plans: Sequence[BlockPlan], layers: Sequence[nn.Module]):
        super().__init__()
        self.plans = tuple(plans)
        of_all = [layer.name for plan in plans for layer in plan.trunk]
        self.layers = nn.ModuleDict(dict(zip(of_all, layers, strict=True)))
        self.pooled = _pooled_at_once(self.plans, self.layers)

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of what must be in the bundle: outputs of blocks that are not part of this trunk."""
        inside = {plan.key for plan in self.plans}
        return tuple(dict.fromkeys(key for plan in self.plans for key in plan.sources if key not in inside))

    def bundle_of(self, spikes: Tensor | Bundle) -> Bundle:
        """A bundle as it is; a tensor as the bundle of the one input that this trunk has."""
        if not isinstance(spikes, Tensor):
            return spikes
        (source,) = self.sources
        return {source: spikes}

    def outputs(self, spikes: Tensor | Bundle, observe: Call | None = None) -> Bundle:
        """The bundle with the output `[T, B, C', H', W']` of each block of this trunk added.

        `observe` stands in for the layers: it gets each layer's plan and inputs and must give its output. Without it, pooling
        neurons are computed together with the layer before them where the engine can.
        """
        return walk(self.plans, self.bundle_of(spikes), observe or self._fast)

    def layer(self, plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        """The output of one layer by itself."""
        output: Tensor = self.layers[plan.name](inputs)
        return output

    def forward(self, spikes: Tensor | Bundle) -> Tensor:
        """Spikes `[T, B, C', H', W']` of the last layer."""
        return self.outputs(spikes)[self.plans[-1].key]

    def _fast(self, plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        if plan.name in self.pooled.values():  # computed with the layer before
            return inputs[0]
        after = self.pooled.get(plan.name)
        if after is None:
            return self.layer(plan, inputs)
        pool: SpikingPool = self.layers[after]  # type: ignore[assignment]
        output: Tensor = self.layers[plan.name](inputs, pool.plan.main.stride)
        return output


def _pooled_at_once(plans: Sequence[BlockPlan], layers: nn.ModuleDict) -> dict[str, str]:
    """Names of layers whose engine computes the pooling layer after them as well, with that layer's name."""
    found: dict[str, str] = {}
    for plan in plans:
        for before, after in zip(plan.trunk, plan.trunk[1:], strict=False):
            conv, pool = layers[before.name], layers[after.name]
            alone = sum(one.source == before.name for layer in plan.trunk for one in layer.inputs) == 1
            # no isinstance: a subclass may do something else
            if alone and type(conv) is SpikingConv and type(pool) is SpikingPool and conv.pools(pool):
                found[before.name] = after.name
    return found


class Dropout(NamedTuple):
    """In training, the inputs of the classifier that each image keeps: `mask` `[B, N]` in {0, 1}, the same for all steps, with N
    over [H, W, C]; `share` of them is dropped."""

    mask: Tensor
    share: float


class BlockOutput(NamedTuple):
    """spikes `[T, B, C, H, W]` for the next block; logits `[B, K]` and hcd_logit `[B]` (or None), the last membrane
    potentials of the output layer; summary `[B, N]`, the leaky sum of spikes that both are linear in; early, logits after the
    numbers of steps that were asked for."""

    spikes: Tensor
    logits: Tensor
    hcd_logit: Tensor | None
    summary: Tensor
    early: Sequence[Tensor] = ()


class Block(nn.Module):
    """Trunk, classifier (its head's convolutions, a hidden spiking layer unless linear, then the readout) and, if `hcd`, the HCD
    unit."""

    def __init__(
        self, trunk: Trunk, hidden: SpikingLinear | None, readout_inputs: int, classes: int, hcd: bool,
        leak: float, generator: torch.Generator, engine: Engine, head: Sequence[nn.Module] = (), readout_pool: int = 1,
    ):  # fmt: skip
        super().__init__()
        self.head, self.readout_pool = nn.ModuleList(head), readout_pool
        self.trunk, self.hidden, self.leak, self.engine = trunk, hidden, leak, engine
        scale = readout_inputs**-0.5
        self.readout = nn.Parameter(torch.randn(classes, readout_inputs, generator=generator) * scale)
        self.hcd = nn.Parameter(torch.randn(readout_inputs, generator=generator) * scale) if hcd else None

    @property
    def classifier_inputs(self) -> int:
        """Features that the classifier receives, H * W * C."""
        return self.hidden.plan.main.fan_in if self.hidden is not None else self.readout.shape[1]

    def forward(self, spikes: Tensor | Bundle, dropout: Dropout | None = None, steps: Sequence[int] = ()) -> BlockOutput:
        """Run input spikes `[T, B, C, H, W]`, or a bundle of them, through trunk and classifier. `steps`, rising, are numbers of
        steps below T after which logits are wanted too."""
        own = self.trunk(spikes)
        return BlockOutput(own, *self.classify(own, dropout, steps))

    def classify(
        self, spikes: Tensor, dropout: Dropout | None = None, steps: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor | None, Tensor, list[Tensor]]:
        """(logits, hcd_logit, summary, early) of trunk output `[T, B, C, H, W]`. The readout is in full precision."""
        for layer in self.head:
            spikes = layer([spikes])
        flat, kept = features(spikes, self.readout_pool), 1.0
        if dropout is not None:
            flat, kept = flat * dropout.mask.to(flat.dtype), 1 - dropout.share
        if self.hidden is not None:
            flat, kept = self.hidden(flat, kept), 1.0
        with torch.autocast(spikes.device.type, enabled=False):
            summaries = [summary / kept for summary in self._summaries(flat, steps)]
            *early, logits = [summary @ self.readout.T for summary in summaries]
            hcd_logit = summaries[-1] @ self.hcd if self.hcd is not None else None
        return logits, hcd_logit, summaries[-1], early

    def _summaries(self, flat: Tensor, steps: Sequence[int]) -> list[Tensor]:
        """Leaky sums of `flat` `[T, B, N]` after each of `steps` and after all."""
        found: list[Tensor] = []
        for start, stop in zip((0, *steps), (*steps, len(flat)), strict=True):
            own = self.engine.readout(flat[start:stop], self.leak)
            found.append(own + self.leak ** (stop - start) * found[-1] if found else own)
        return found


def features(spikes: Tensor, pool: int = 1) -> Tensor:
    """`[T, B, N]` of spikes `[T, B, C, H, W]`, or of their averages over squares of `pool` pixels; N runs over [H, W, C], as
    channels-last memory does."""
    if pool > 1:
        spikes = average(spikes, pool).to(spikes.dtype)
    return spikes.permute(0, 1, 3, 4, 2).flatten(2)
