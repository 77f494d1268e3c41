"""What a network says of images, and how it is printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Answer:
    """What a network says of n images, each field an array `[n]`.

    prediction int64 (class index) and class_name; exit_block int64 (1-based), the block at which the image left, and exit_step
    int64, the time steps that it had run; confidence float32, the largest class probability there, calibrated where a policy
    decides; hard_probability float32, the hard class detector's there, NaN where it says nothing; macs float64,
    multiply-accumulates up to there; operations_share float64, those over the end-to-end network's.
    """

    prediction: np.ndarray
    class_name: np.ndarray
    exit_block: np.ndarray
    exit_step: np.ndarray
    confidence: np.ndarray
    hard_probability: np.ndarray
    macs: np.ndarray
    operations_share: np.ndarray

    def __len__(self) -> int:
        """Number of images."""
        return len(self.prediction)


def as_object(path: Path, answer: Answer, number: int) -> dict[str, object]:
    """One image's answer as plain data."""
    return {
        "image": str(path), "class": answer.class_name[number], "exit_block": int(answer.exit_block[number]),
        "exit_step": int(answer.exit_step[number]), "confidence": float(answer.confidence[number]),
        "macs": float(answer.macs[number]),
    }  # fmt: skip


def lines(files: Sequence[Path], answer: Answer, steps: bool) -> list[str]:
    """A line per image, and a summary; `steps` to say after how many time steps it left."""
    width = max(len(str(path)) for path in files)
    words = max(len(name) for name in answer.class_name)
    every = []
    for number, path in enumerate(files):
        step = f"step {answer.exit_step[number]:3}  " if steps else ""
        every.append(
            f"{str(path).ljust(width)}  {answer.class_name[number].ljust(words)}  {100 * answer.confidence[number]:6.2f} %  "
            f"block {answer.exit_block[number]}  {step}{100 * answer.operations_share[number]:5.1f} % of the operations"
        )
    return [*every, summary(answer)]


def summary(answer: Answer) -> str:
    """How many images left where, and what they cost together."""
    blocks, counts = np.unique(answer.exit_block, return_counts=True)
    left = ", ".join(f"{count} at block {block}" for block, count in zip(blocks, counts, strict=True))
    return (
        f"{len(answer)} images: {left}; {100 * answer.operations_share.mean():.1f} % of the end-to-end network's operations "
        "on average"
    )
