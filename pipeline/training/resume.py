"""Resuming a killed training: one checkpoint per epoch in .resume/<digest>/, removed on success.

The digest covers parameters, dependencies and code, so only the very same training resumes. A lock keeps a second
process out: a killed `dvc repro` may leave its child running. Weights and optimiser state are safetensors, the rest
JSON; nothing is pickled.
"""

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.base.code import digest
from pipeline.base.errors import UserError
from pipeline.base.files import file_digest, read_tensors, write_tensors
from pipeline.base.seeding import digest_of

CODE = Path(__file__).parents[1]
TRAINS = ("base", "data", "encoding", "neuron", "engine", "network", "training")
"""The packages whose code decides what a training does: a stopped one goes on when others change."""


def training_digest(described: dict[str, Any], dependencies: list[Path]) -> str:
    """A name for one training: what `described` says, the bytes of the dependencies and the code that trains, of which comments
    and docstrings do not count."""
    code = sorted(p for name in TRAINS for p in (CODE / name).rglob("*") if p.suffix in (".py", ".cpp", ".hpp"))
    files = [*map(file_digest, dependencies), *map(digest, code)]
    return f"{digest_of(json.dumps(described, sort_keys=True), *files):032x}"


class Checkpoint:
    """The folder of one training, named by its digest, below `root`; use as a context manager, which holds the lock.

    Of several processes that train together the first alone locks, saves and cleans up; all of them load.
    """

    def __init__(self, root: Path, digest: str, first: bool = True):
        self.first = first
        self.folder = root / digest
        self.path = self.folder / "checkpoint.safetensors"

    def __enter__(self) -> "Checkpoint":
        if not self.first:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise UserError(
                f"{self.folder}: another process runs this very training; wait for it, or stop it (`fuser {self.folder}/lock`)"
            ) from error
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if not self.first:
            return
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float | None]]) -> None:
        """Replace the checkpoint as a whole: weights, optimiser state and the history of the epochs done."""
        tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
        arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in tensors.items()}
        write_tensors(self.path, arrays, {"history": json.dumps(history)})

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float | None]]:
        """Restore model and optimiser; return the history, empty where there is nothing to resume from."""
        if not self.path.exists():
            return []
        try:
            tensors = {name: torch.from_numpy(value) for name, value in read_tensors(self.path).items()}
            history = json.loads(_metadata(self.path)["history"])
        except (UserError, SafetensorError, OSError, KeyError, TypeError, ValueError):
            tqdm.write(f"{self.path}: damaged, training starts over")
            return []
        model.load_state_dict(_section(tensors, "model/"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _section(tensors, "optimizer/").items():
            index, key = name.split("/")
            state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        for weight, moments in optimizer.state.items():  # a fused optimiser takes them to lie in memory as the weight does
            for name, value in moments.items():
                if value.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(value)
        return history


def _section(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as archive:
        return archive.metadata()
