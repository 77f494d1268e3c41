"""Algorithm 3's state after a block, handed on from partition to partition: running.npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_arrays, write_arrays


@dataclass(frozen=True)
class State:
    """Logits summed over the blocks so far, running float32 `[n, K]`, and prediction int64 `[n]` of the images that left (-1:
    still inside). Without images: nobody was looked at yet."""

    running: np.ndarray
    prediction: np.ndarray

    def save(self, folder: Path) -> None:
        """Write running.npz."""
        write_arrays(folder / "running.npz", {"running": self.running, "prediction": self.prediction})


NOTHING = State(np.zeros((0, 0), np.float32), np.zeros(0, np.int64))


def load_state(folder: Path, images: int, classes: int) -> State:
    """running.npz, or the state of `images` images of which nothing is known yet.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / "running.npz"
    try:
        state = State(**read_arrays(path))
    except TypeError as error:
        raise damaged(path, "not Algorithm 3's state") from error
    if len(state.prediction):
        return state
    return State(np.zeros((images, classes), dtype=np.float32), np.full(images, -1, dtype=np.int64))
