"""One named random generator per purpose; nothing in the project draws from a global one."""

import hashlib

import numpy as np


def digest_of(*parts: object) -> int:
    """A 128-bit integer that is the same for the same `parts` on every machine and Python version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def numpy_generator(seed: int, *purpose: object) -> np.random.Generator:
    """A Philox generator keyed by the seed and its purpose, such as `numpy_generator(0, "order", "b1", epoch)`."""
    return np.random.Generator(np.random.Philox(key=digest_of(seed, *purpose)))


def torch_seed(seed: int, *purpose: object) -> int:
    """A 63-bit seed for a `torch.Generator` with the same naming."""
    return digest_of(seed, *purpose) & (2**63 - 1)
