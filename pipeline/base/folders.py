"""Where artifacts lie. Everything is below one root folder, the current one by default.

A block's folder is named by its key (b0 is the encoder); the baselines have a folder inside it.
"""

from dataclasses import dataclass
from pathlib import Path

METHODS = ("bloctrain", "bloctrain_base", "end_to_end")
"""The three ways to train and run a network, in the order of every table."""
BLOCK_WISE = METHODS[:2]


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
    def reports(self) -> Path:
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
        inside = {"bloctrain": "", "bloctrain_base": "base", "end_to_end": "end_to_end"}[method]
        return self.runs / key / inside
