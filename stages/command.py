"""What every stage script shares: its arguments, and errors as one line."""

import argparse
import errno
import os
import sys
from collections.abc import Callable

from pipeline.base.errors import UserError
from pipeline.config import Params, load_params

NO_MEMORY = "error: not enough memory; make compute.micro_batch, data.split or encoding.time_steps smaller in params.yaml"


def run_stage(stage: Callable[[Params], None], description: str) -> None:
    """Run a stage that takes no arguments."""
    parser = argparse.ArgumentParser(description=description)
    parser.parse_args()
    _guard(lambda: stage(load_params()))


def run_block_stage(stage: Callable[[Params, str], None], description: str) -> None:
    """Run a stage for one block, named by its key.

    DVC names the stage that it runs, such as train_block@b2, in the environment. So no key is put into a shell command.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("block", nargs="?", help="key of the block in params.yaml: b1, b2, ... (default: that of DVC's stage)")
    given = parser.parse_args().block

    def call() -> None:
        params = load_params()
        key = given or os.environ.get("DVC_STAGE", "").rpartition("@")[2]
        if key not in params.blocks:
            raise UserError(f"params.yaml: blocks has no {key!r}; it has {', '.join(params.blocks)}")
        stage(params, key)

    _guard(call)


def _guard(call: Callable[[], None]) -> None:
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
