"""What a block is asked to learn, as the block before it (or the start, for b1) wrote it down: runs/<block before>/next.json."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_json, write_json


@dataclass(frozen=True)
class Assignment:
    """Whether the next block is built (if not, the `reason`), the sorted `classes` that it trains on, and the `hard` ones among
    them that its HCD is trained on jointly; None where the HCD is trained apart, or there is none."""

    build: bool
    reason: str | None
    classes: list[int]
    hard: list[int] | None

    def save(self, folder: Path) -> None:
        """Write next.json into the folder of the block before."""
        write_json(folder / "next.json", asdict(self))

    def rows(self, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows whose label is one of the classes, and the position of each such label among them: `class_rows`."""
        return class_rows(label, np.array(self.classes, dtype=np.int64))


def load_assignment(folder: Path) -> Assignment:
    """next.json of the folder of the block before.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / "next.json"
    try:
        return Assignment(**read_json(path))
    except TypeError as error:
        raise damaged(path, "not what a next block is asked to learn") from error


def class_rows(label: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose label is one of the sorted `classes`, and the position of each row's label among them."""
    rows = np.flatnonzero(np.isin(label, classes))
    return rows, np.searchsorted(classes, label[rows])


def has_detector(key: str) -> bool:
    """Whether a block of BlocTrain has a hard class detector: from the second on, for before the first nothing is hard."""
    return key != "b1"
