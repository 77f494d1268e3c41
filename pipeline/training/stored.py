"""Outputs of a block on disk: readout_<split>.npz of the forward pass, outputs_<split>.npz with everything that exits need."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_arrays, write_arrays

WEIGHTS = "block.safetensors"
"""The weights of a trained network, in its folder."""


@dataclass(frozen=True)
class Readout:
    """What the forward pass of a block gives for the images `rows` int64 `[n]`: logits float32 `[n, K]` and, where there are
    any, hcd_logit float32 `[n]` and summary float32 `[n, N]`, the sums that both are linear in."""

    rows: np.ndarray
    logits: np.ndarray
    hcd_logit: np.ndarray | None = None
    summary: np.ndarray | None = None

    def save(self, folder: Path, split: str) -> None:
        """Write readout_<split>.npz."""
        write_arrays(folder / f"readout_{split}.npz", _present(self.__dict__))


def load_readout(folder: Path, split: str) -> Readout:
    """readout_<split>.npz.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / f"readout_{split}.npz"
    try:
        return Readout(**read_arrays(path))
    except TypeError as error:
        raise damaged(path, "not the readout of a block") from error


@dataclass(frozen=True)
class Outputs:
    """A block's outputs on a whole split: its own logits float32 `[n, K]`, not summed over blocks; the dataset class of each
    column, classes int64 `[K]`; label and index (row in prepared/<split>.npz) int64 `[n]`; hcd_logit float32 `[n]` or None."""

    logits: np.ndarray
    classes: np.ndarray
    label: np.ndarray
    index: np.ndarray
    hcd_logit: np.ndarray | None = None

    def save(self, folder: Path, split: str) -> None:
        """Write outputs_<split>.npz."""
        write_arrays(folder / f"outputs_{split}.npz", _present(self.__dict__))


def load_outputs(folder: Path, split: str) -> Outputs:
    """outputs_<split>.npz.

    Raises:
        UserError: the file is missing or damaged, or its arrays do not fit each other.
    """
    path = folder / f"outputs_{split}.npz"
    try:
        outputs = Outputs(**read_arrays(path))
    except TypeError as error:
        raise damaged(path, "an array is missing") from error
    if outputs.logits.shape != (len(outputs.label), len(outputs.classes)):
        raise damaged(path, "logits do not fit labels and classes")
    return outputs


def _present(arrays: dict[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if array is not None}
