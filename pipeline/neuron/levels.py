"""What backward needs of a potential in bfloat16: the surrogate's triangle max(0, 1 - |U/v - 1|) in 127 steps, seven bits each.

Eight levels take seven bytes, one after the other from the lowest bit on; fewer than eight take a byte each. fused/levels.hpp is
the same for the compiled kernels.
"""

import torch
from torch import Tensor

LEVELS = 127


def level_bytes(count: int) -> int:
    """Bytes that the levels of `count` neurons take."""
    return count // 8 * 7 + count % 8


def pack_levels(triangle: Tensor) -> Tensor:
    """uint8 `[T, level_bytes(N)]` of the triangle `[T, N]` in [0, 1]."""
    levels = (triangle * LEVELS + 0.5).to(torch.uint8)
    whole = levels.shape[1] // 8 * 8
    bits = (levels[:, :whole].unflatten(1, (-1, 8)).long() << _places(7, 8, levels)).sum(2, keepdim=True)
    return torch.cat([(bits >> _places(8, 7, levels)).to(torch.uint8).flatten(1), levels[:, whole:]], dim=1)


def unpack_levels(packed: Tensor, count: int) -> Tensor:
    """The triangle, float32 `[T, N]`, that `pack_levels` was given, to 1/254; `count` is N."""
    whole = count // 8 * 7
    bits = (packed[:, :whole].unflatten(1, (-1, 7)).long() << _places(8, 7, packed)).sum(2, keepdim=True)
    levels = torch.cat([(bits >> _places(7, 8, packed) & LEVELS).flatten(1), packed[:, whole:]], dim=1)
    return levels.float() / LEVELS


def _places(width: int, count: int, like: Tensor) -> Tensor:
    """Where `count` fields of `width` bits begin."""
    return torch.arange(count, device=like.device) * width
