"""One thin script per DVC stage: parse, call `pipeline`, write. Run as `python -m stages.<name> [block]`."""

import sys
from types import TracebackType


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ctrl-C is one line, also while a stage is still importing its modules."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted; run `dvc repro` to go on from the last finished epoch", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _one_line
