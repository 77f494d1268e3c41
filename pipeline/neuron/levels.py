"""What backward needs of a potential in bfloat16: the surrogate's triangle max(0, 1 - |U/v - 1|) in 127 steps, seven bits each.

Eight levels take seven bytes, whose eighth bits hold the eighth level; fewer take a byte each. fused/levels.hpp is the same for
the compiled kernels.
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
    eight = levels[:, :whole].unflatten(1, (-1, 8))
    eighth = eight[:, :, 7:] >> _places(levels) & 1
    return torch.cat([(eight[:, :, :7] | eighth << 7).flatten(1), levels[:, whole:]], dim=1)


def unpack_levels(packed: Tensor, count: int) -> Tensor:
    """The triangle, float32 `[T, N]`, that `pack_levels` was given, to 1/254; `count` is N."""
    whole = count // 8 * 7
    seven = packed[:, :whole].unflatten(1, (-1, 7))
    eighth = (seven >> 7 << _places(packed)).sum(2, keepdim=True, dtype=torch.uint8)
    levels = torch.cat([torch.cat([seven & LEVELS, eighth], dim=2).flatten(1), packed[:, whole:]], dim=1)
    return levels.float() / LEVELS


def _places(like: Tensor) -> Tensor:
    return torch.arange(7, dtype=torch.uint8, device=like.device)
