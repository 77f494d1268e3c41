"""Make dvc.yaml from the stage scripts: `python -m tools.dvc_yaml`; with --check only say whether it is up to date.

A script states its parameters, the files it needs and the files it makes. Its code stands in a file that the stage `code` writes.
"""

import argparse
import sys
from importlib import import_module
from typing import Any

import yaml

from stages.stage import Stage
from tools.imports import ROOT

ORDER = (
    "code", "check", "prepare", "encode", "start", "train_block", "forward", "train_hcd", "partition", "train_base",
    "forward_base", "train_end_to_end", "forward_end_to_end", "collect", "infer", "account", "anytime", "tables", "figures",
    "report", "validate",
)  # fmt: skip
HEADER = """\
# Made by `python -m tools.dvc_yaml` from the stage scripts, which say what each stage reads, needs and makes. Edit those.
# A stage depends on its code by runs/code/<stage>.json: the digests of all that it imports, without comments, and without
# docstrings that nothing reads.
# A stage that needs every block depends on the manifest of the deepest one: `collect` writes there the digests of all results
# up to it.
"""
PLOTS = [
    {"tradeoff": {
        "title": "BlocTrain on test images, over theta_conf",
        "x_label": "times less compute than end to end", "x": {"runs/accounting/bloctrain_test.csv": "compute_efficiency"},
        "y_label": "accuracy", "y": {"runs/accounting/bloctrain_test.csv": "accuracy"},
    }},
]  # fmt: skip


def entry(name: str) -> dict[str, Any]:
    """The stage's part of dvc.yaml."""
    stage: Stage = import_module(f"stages.{name}").STAGE
    code = [] if name == "code" else [f"runs/code/{name}.json"]
    body: dict[str, Any] = {"cmd": f"python -m stages.{name}", "deps": [*stage.needs, *code]}
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
