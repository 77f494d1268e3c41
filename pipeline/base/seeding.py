"""One named random generator per purpose; nothing in the project draws from a global one."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np


def digest_of(*parts: object) -> int:
    """A 128-bit integer that is the same for the same `parts` on every machine and Python version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def numpy_generator(seed: int, *purpose: object) -> np.random.Generator:
    """A Philox generator keyed by the seed and its purpose, such as `numpy_generator(0, "order", "b1", epoch)`."""
    return np.random.Generator(np.random.Philox(key=digest_of(seed, *purpose)))


def row_streams(key: int, rows: Iterable[int]) -> Iterator[np.random.Generator]:
    """For each row a Philox generator whose counter starts at row * 2**192, so that what is drawn for a row is the same in any
    batch. All rows share one generator object: draw for a row before asking for the next."""
    bits = np.random.Philox(key=key)
    stream, state = np.random.Generator(bits), bits.state
    for row in rows:
        state["state"]["counter"][3] = row  # type: ignore[index,call-overload]
        bits.state = state
        yield stream


def torch_seed(seed: int, *purpose: object) -> int:
    """A 63-bit seed for a `torch.Generator` with the same naming."""
    return digest_of(seed, *purpose) & (2**63 - 1)
