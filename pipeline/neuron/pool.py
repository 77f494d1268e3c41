"""Average pooling into integrate-and-fire neurons (Algorithm 2, the AvgPool branch).

    U[t+1] = U[t] + AvgPool(X[t]) - v S[t],        S[t+1] = 1 if U[t+1] >= v else 0

The gradient passes straight through the spike function: differentiating the recursion with dS/dU = 1/v leaves
dL/dAvgPool(X)[t] = dL/dS[t+1] / v, without a sum over time.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d


def pool_and_fire(spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
    """Spikes `[T, B, C, H // size, W // size]` in {0, 1} of spikes `[T, B, C, H, W]`; `delay` as in `lif`."""
    return _IntegrateAndFire.apply(average(spikes, size), threshold, delay).to(spikes.dtype)


def average(spikes: Tensor, size: int) -> Tensor:
    """Means over squares `[T, B, C, H // size, W // size]`, at least in float32: bfloat16 would round most of them."""
    wide = torch.promote_types(spikes.dtype, torch.float32)
    return avg_pool2d(spikes.to(wide).flatten(0, 1), size).unflatten(0, spikes.shape[:2])


def integrate_and_fire(current: Tensor, threshold: float, delay: int) -> Tensor:
    """Spikes `[T, ...]` of the input current `[T, ...]`: the recursion above, without a gradient."""
    spikes = torch.empty_like(current)
    potential = torch.zeros_like(current[0])
    spike = torch.zeros_like(potential)
    for t in range(len(current)):
        if delay:
            spikes[t] = spike
        potential = potential + current[t] - threshold * spike
        spike = (potential >= threshold).to(current.dtype)
        if not delay:
            spikes[t] = spike
    return spikes


class _IntegrateAndFire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, threshold, delay):  # type: ignore[override]
        ctx.threshold, ctx.delay = threshold, delay
        return integrate_and_fire(current, threshold, delay)

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        grad = grad_spikes / ctx.threshold
        if ctx.delay:
            grad = torch.cat([grad[1:], torch.zeros_like(grad[:1])])
        return grad, None, None
