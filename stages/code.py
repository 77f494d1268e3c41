"""Digest the code that each stage runs: runs/code/<stage>.json, by file. A stage runs again where its own file changes.

Comments do not count, nor do docstrings, but for stages that read them. DVC by itself sees no imports.
"""

import ast
from pathlib import Path
from typing import Any

from pipeline.base.files import write_json
from pipeline.base.folders import Folders
from stages.stage import Stage
from tools.imports import code_of

STAGE = Stage(
    needs=["pipeline", "stages", "tools/imports.py"],
    outs=["runs/code"],
)


def is_stage(path: Path) -> bool:
    """Whether a script makes a Stage called STAGE."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STAGE" for node in body)


def main(folders: Folders, _: Any) -> None:
    """The stage."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if is_stage(path) and path != Path(__file__):
            write_json(folders.runs / "code" / f"{path.stem}.json", code_of(path))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
