"""A stage: the parameters that it reads, the files that it needs and makes, and how its script is run.

dvc.yaml is made of what the scripts state here (`python -m tools.dvc_yaml`); `${key}` is the block's key there.
"""

import argparse
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.base.folders import Folders
from pipeline.base.parameters import load_parameters

NO_MEMORY = "error: not enough memory; make compute.micro_batch, data.split or encoding.time_steps smaller in params.yaml"
WHOLE_FILE = [{"params.yaml": None}]


@dataclass(frozen=True)
class Stage:
    """`reads`: paths into params.yaml with the class of their section (`pipeline.base.parameters`). `needs`: files and folders
    that it depends on, beside its code. `outs`, `metrics`, `plots`: what it makes, as in dvc.yaml. `per_block`: there is one of
    it for each block. `whole_file`: any change of params.yaml runs it again."""

    needs: Sequence[str] = ()
    outs: Sequence[Any] = ()
    reads: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[Any] = ()
    plots: Sequence[Any] = ()
    per_block: bool = False
    whole_file: bool = False

    @property
    def params(self) -> list[Any]:
        """The entry `params` of dvc.yaml."""
        return WHOLE_FILE if self.whole_file else list(self.reads)

    def run(self, main: Callable[..., None], description: str | None) -> None:
        """Call `main(folders, parameters)`, with the key of the block as well where there is one per block.

        DVC names the stage that it runs, such as train_block@b2, in the environment. So no key is put into a shell command.
        """
        parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
        if self.per_block:
            parser.add_argument("block", nargs="?", help="key of the block: b1, b2, ... (default: that of DVC's stage)")
        given = parser.parse_args()

        def call() -> None:
            folders = Folders()
            if not self.per_block:
                return main(folders, load_parameters(folders.params, self.reads))
            key = given.block or os.environ.get("DVC_STAGE", "").rpartition("@")[2]
            if not key:
                raise UserError(f"the block's key is missing; give it: python -m stages.{Path(sys.argv[0]).stem} b1")
            if not re.fullmatch(r"b[1-9][0-9]*", key):
                raise UserError(f"params.yaml: blocks has no {key!r}; its keys are b1, b2, ...")
            return main(folders, load_parameters(folders.params, self.reads, key), key)

        guard(call)


def guard(call: Callable[[], None]) -> None:
    """Run a command; what a user can mend ends it with one line. Letters that the terminal cannot show are written as numbers."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        call()
    except UserError as error:
        sys.exit(f"error: {error}")
    except MemoryError:
        sys.exit(NO_MEMORY)
    except RuntimeError as error:  # torch's own, on CPUs and GPUs
        if not any(words in str(error).lower() for words in ("allocate memory", "out of memory")):
            raise
        sys.exit(NO_MEMORY)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        sys.exit(f"error: {error.filename or 'disk'}: {error.strerror}; free space or correct permissions, then run `dvc repro`")
