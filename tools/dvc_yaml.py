"""Make dvc.yaml from the stage scripts: `python -m tools.dvc_yaml`; with --check only say whether it is up to date.

A script states its parameters, the files it needs and the files it makes; the code that it depends on is its import closure.
"""

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from stages.stage import Stage
from tools.imports import ROOT, closure

ORDER = (
    "check", "prepare", "encode", "start", "train_block", "forward", "train_hcd", "partition", "train_base", "forward_base",
    "train_end_to_end", "forward_end_to_end", "collect", "infer", "account", "tables", "figures", "report", "validate",
)  # fmt: skip
BASE = "pipeline/base"
CODE = {".py", ".cpp", ".hpp", ".yaml", ".j2"}
HEADER = """\
# Made by `python -m tools.dvc_yaml` from the stage scripts, which say what each stage reads, needs and makes. Edit those.
# A stage that needs every block depends on the manifest of the deepest one: `collect` writes there the digests of all results
# up to it.
"""
PLOTS = [
    {"tradeoff": {
        "title": "Accuracy against the confidence threshold",
        "x": {"runs/accounting/tradeoff.csv": "theta_conf"}, "y": {"runs/accounting/tradeoff.csv": "accuracy"},
    }},
    {"efficiency": {
        "title": "Compute efficiency against the confidence threshold",
        "x": {"runs/accounting/tradeoff.csv": "theta_conf"}, "y": {"runs/accounting/tradeoff.csv": "compute_efficiency"},
    }},
]  # fmt: skip


def code_of(name: str) -> list[str]:
    """What the script of a stage imports in the end: whole folders where all of their code is imported, files elsewhere.

    Sources that are no Python come with the modules of their folder.
    """
    files = closure(ROOT / "stages" / f"{name}.py")
    files |= {path for folder in {file.parent for file in files} for path in _code(folder.glob("*")) if path.suffix != ".py"}
    named: list[Path] = []
    for file in sorted(files):
        whole = next((folder for folder in reversed(file.parents) if _is_whole(folder, files)), None)
        if (whole or file) not in named:
            named.append(whole or file)
    return [str(path.relative_to(ROOT)) for path in named]


def _is_whole(folder: Path, files: set[Path]) -> bool:
    if not folder.is_relative_to(ROOT / "pipeline") or folder == ROOT / "pipeline":
        return False
    return folder == ROOT / BASE or set(_code(folder.rglob("*"))) <= files


def _code(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.suffix in CODE and "__pycache__" not in path.parts]


def entry(name: str) -> dict[str, Any]:
    """The stage's part of dvc.yaml."""
    stage: Stage = import_module(f"stages.{name}").STAGE
    body: dict[str, Any] = {"cmd": f"python -m stages.{name}", "deps": [*stage.needs, *code_of(name)]}
    if stage.params:
        body["params"] = stage.params
    body |= {part: made for part in ("metrics", "outs", "plots") if (made := getattr(stage, part))}
    return {"foreach": "${blocks}", "do": body} if stage.per_block else body


def text() -> str:
    """The whole of dvc.yaml."""
    content = {"stages": {name: entry(name) for name in ORDER}, "plots": PLOTS}
    return HEADER + yaml.safe_dump(content, sort_keys=False, width=130, default_flow_style=None)


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where dvc.yaml is not up to date")
    path, wanted = ROOT / "dvc.yaml", text()
    if not parser.parse_args().check:
        path.write_text(wanted, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
        sys.exit("dvc.yaml: not what the stage scripts say; run `python -m tools.dvc_yaml`")


if __name__ == "__main__":
    main()
