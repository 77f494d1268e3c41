"""Where artifacts lie. Everything is below one root folder, the current one by default.

A block's folder is named by its key (b0 is the encoder); the baselines have a folder inside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ENCODER = "b0"
"""The key that stands for the encoder, before the first block."""
METHODS = ("bloctrain", "bloctrain_base", "end_to_end")
"""The three ways to train and run a network, in the order of every table."""
BLOCK_WISE = METHODS[:2]
INSIDE = {"bloctrain": "", "bloctrain_base": "base", "end_to_end": "end_to_end"}
"""Where a method's results lie in a block's folder."""


def before(key: str) -> str:
    """The key of the block before `key`: b0, the encoder, before b1."""
    return f"b{int(key[1:]) - 1}"


@dataclass(frozen=True)
class Folders:
    """The folders of one run below `root`."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        """The parameters in force."""
        return self.root / "params.yaml"

    @property
    def raw(self) -> Path:
        """Downloaded data sets."""
        return self.root / "data" / "raw"

    @property
    def prepared(self) -> Path:
        """Images and labels of every split."""
        return self.root / "data" / "prepared"

    @property
    def runs(self) -> Path:
        """Results per block and of inference."""
        return self.root / "runs"

    @property
    def anytime(self) -> Path:
        """Policies of exits in depth and time."""
        return self.runs / "anytime"

    @property
    def reports(self) -> Path:
        """Tables, figures, checks and the page of the run in force."""
        return self.root / "reports"

    @property
    def published(self) -> Path:
        """The ledger: a folder per published experiment."""
        return self.reports / "published"

    @property
    def resume(self) -> Path:
        """Checkpoints of trainings under way."""
        return self.root / ".resume"

    def block(self, key: str, method: str = "bloctrain") -> Path:
        """Block `key` as `method` trained it; for end_to_end the network whose last block it is."""
        return self.runs / key / INSIDE[method]

    def features(self, sources: Iterable[str], method: str = "bloctrain") -> dict[str, Path]:
        """Folders of the output spikes of the blocks `sources` as `method` trained them; all methods share the encoder's."""
        return {key: self.block(key, "bloctrain" if key == ENCODER else method) / "features" for key in sources}
