"""Do all implementations emit the same spikes from the same weights, layer by layer? Where not, what differs?

Every network gets the same input; the share of equal spikes is counted per layer, with differences of earlier layers
carried along. Where a peer's reset differs, it is also compared with this project's recursion under the peer's
reset: agreement with that shows that nothing else differs.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.networks import CPU, build, random_labels, random_spikes
from benchmarks.peers import installed, neurons_of
from benchmarks.peers.common import Peer, PeerNetwork
from pipeline.config import Params
from pipeline.network.block import Block, features
from pipeline.network.plan import LayerPlan
from pipeline.neuron.lif import LIF
from pipeline.training.feed import time_major

BF16 = (
    "the reference is float32; in bf16 spikes drive the synapses, which sums the same float32 weights in another order, and "
    "gradients are rounded between layers"
)


def compare(params: Params, keys: Sequence[str], images: int, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """For each installed peer (of `names`) and this project's bf16: share of equal spikes per layer, how far logits differ.

    `params` has precision 32; the reference is this project's network in it.
    """
    steps, size = params.encoding.time_steps, params.data.image_size
    spikes = time_major(random_spikes(images, steps, size), CPU, torch.float32)
    block = build(params, keys)
    ours, our_logits, our_gradient = own_spikes(block, spikes)
    rates = {name: float(value.mean()) for name, value in ours.items()}
    half_params = params.model_copy(update={"compute": params.compute.model_copy(update={"precision": "bf16"})})
    half, half_logits, half_gradient = own_spikes(build(half_params, keys), spikes.to(torch.bfloat16))
    rows = [_row("bloctrain", ours, half, our_logits, half_logits, our_gradient, half_gradient)]
    rows[0] |= {"rate": rates, "differences": [BF16]}
    for name in installed():
        if names is not None and name not in names:
            continue
        peer = neurons_of(name)
        theirs, logits, gradient = peer_spikes(PeerNetwork(params, keys, block, peer), peer, spikes)
        row = _row(name, ours, theirs, our_logits, logits, our_gradient, gradient)
        row["differences"] = list(peer.differences)
        if peer.reset_leaks:
            plain = leaked_reset()
            expected, *_ = peer_spikes(PeerNetwork(params, keys, block, plain), plain, spikes)
            row["equal_under_their_reset"] = _equal(expected, theirs)
        rows.append(row)
    return rows


def own_spikes(block: Block, spikes: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Spikes per layer, logits and the gradient of the first weights of this project's network."""
    found: dict[str, Tensor] = {}

    def record(plan: LayerPlan, inputs: list[Tensor]) -> Tensor:
        out = block.trunk.layer(plan, inputs)
        found[plan.name] = out.float()
        return out

    with torch.no_grad():
        out = block.trunk.outputs(spikes, record)[block.trunk.plans[-1].key]
        if block.hidden is not None:
            found["hidden"] = block.hidden(features(out)).float()
    logits = block(spikes).logits
    return found, logits.detach(), _gradient(logits, next(block.trunk.parameters()))


def peer_spikes(network: PeerNetwork, peer: Peer, spikes: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The same of a peer's network; the hidden layer's place in memory does not matter, for it has one axis."""
    record: list[Tensor] = []
    peer.reset(network)
    logits = network(spikes, record)
    return dict(zip(network.names, record, strict=True)), logits.detach(), _gradient(logits, next(network.synapses.parameters()))


class _LeakedReset(nn.Module):
    """U[t+1] = leak (U[t] - v S[t]) + I[t], fired at v: this project's neuron but for the place of the reset."""

    def __init__(self, neuron: LIF, leak: float):
        super().__init__()
        self.neuron, self.leak = neuron, leak

    def forward(self, current: Tensor) -> Tensor:
        potential = torch.zeros_like(current[0])
        spikes = torch.empty_like(current)
        for t, step in enumerate(current):
            charged = potential - potential * (1 - self.leak) + step
            spikes[t] = charged >= self.neuron.threshold
            potential = charged - self.neuron.threshold * spikes[t]
        return spikes


class _LastPotential(nn.Module):
    def __init__(self, leak: float):
        super().__init__()
        self.leak = leak

    def forward(self, current: Tensor) -> Tensor:
        weights = self.leak ** torch.arange(len(current) - 1, -1, -1, dtype=current.dtype)
        return torch.tensordot(weights, current, dims=1)


def leaked_reset() -> Peer:
    """The recursion that a framework which resets before the leak computes, written down plainly."""
    return Peer(
        "leaked reset", lambda neuron: _LeakedReset(neuron, neuron.leak), lambda neuron: _LeakedReset(neuron, 1.0),
        _LastPotential, (),
    )  # fmt: skip


def _gradient(logits: Tensor, weight: Tensor) -> Tensor:
    if not logits.requires_grad:
        return torch.zeros_like(weight)
    label = torch.from_numpy(random_labels(len(logits)))
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(logits.float(), label), weight, allow_unused=True)
    return torch.zeros_like(weight) if gradient is None else gradient


def _equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, float]:
    return {name: float((ours[name] == theirs[name]).float().mean()) for name in ours}


def _row(
    name: str, ours: dict[str, Tensor], theirs: dict[str, Tensor], our_logits: Tensor, logits: Tensor, our_gradient: Tensor,
    gradient: Tensor,
) -> dict[str, Any]:  # fmt: skip
    return {
        "implementation": name,
        "equal": _equal(ours, theirs),
        "logit_difference": float((our_logits - logits).abs().max()),
        "logit_range": float(our_logits.abs().max()),
        "first_gradient_cosine": float(nn.functional.cosine_similarity(our_gradient.flatten(), gradient.flatten(), dim=0)),
    }


def sentences(rows: list[dict[str, Any]]) -> list[str]:
    """One markdown line per implementation."""
    lines = []
    for row in rows:
        least = min(row["equal"], key=lambda layer: row["equal"][layer])
        line = f"- **{row['implementation']}**{' (bf16 against float32)' if row['implementation'] == 'bloctrain' else ''}: "
        if all(share == 1 for share in row["equal"].values()):
            line += "every spike of every layer is the same"
        else:
            line += f"{100 * row['equal'][least]:.3f}% of spikes are the same in the layer that differs most ({least})"
        if under := row.get("equal_under_their_reset"):
            line += f"; {100 * min(under.values()):.4f}% under its own reset rule, so that rule is the difference"
        line += f"; cosine of the first weights' gradient {row['first_gradient_cosine']:.4f}. "
        line += "Differences: " + "; ".join(row["differences"]) + "."
        if "rate" in row:
            line += " Spikes per neuron and step: " + ", ".join(f"{name} {rate:.3f}" for name, rate in row["rate"].items()) + "."
        lines.append(line)
    return lines
