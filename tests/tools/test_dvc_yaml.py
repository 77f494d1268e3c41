"""dvc.yaml lists what each stage imports: DVC does not see imports by itself."""

import pytest
import yaml
from imports import parameters

from pipeline.config import Params
from tools.imports import ROOT, closure

INDIRECT = {"data.image_size"}
"""Read, but data/prepared changes with it, which is a dependency."""
UNREAD = {
    "train_block": {"training.end_to_end_learning_rate"},
    "forward": {"seed", "training"},
    "train_hcd": {"partition", "blocks"},
    "partition": {"blocks"},
    "train_base": {"hcd", "training.end_to_end_learning_rate"},
    "train_end_to_end": {"hcd"},
    "infer": {"seed"},
    "tables": {"network", "data"},
    "figures": {"training", "encoding"},
    "report": {"data"},
    "validate": {"data", "blocks"},
}
"""Named by modules that the stage imports, where it does not call them, or cannot change without changing a dependency."""
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def body(name: str) -> dict:
    return STAGES[name].get("do", STAGES[name])


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_cover_the_import_closure(name):
    listed = {ROOT / dep for dep in body(name)["deps"] if dep.startswith(("pipeline", "stages"))}
    assert all(path.exists() for path in listed), [path for path in listed if not path.exists()]
    needed = closure(ROOT / "stages" / f"{name}.py")
    missing = [str(path.relative_to(ROOT)) for path in needed if not listed & {path, *path.parents}]
    assert not missing, f"dvc.yaml: {name} imports {missing} without listing them"


@pytest.mark.parametrize("name", STAGES)
def test_no_code_is_listed_that_a_stage_does_not_import(name):
    needed = closure(ROOT / "stages" / f"{name}.py")
    for dep in body(name)["deps"]:
        if dep.startswith(("pipeline", "stages")):
            path = ROOT / dep
            assert path in needed or any(path in file.parents for file in needed), f"dvc.yaml: {name} lists {dep} in vain"


@pytest.mark.parametrize("name", STAGES)
def test_parameters_cover_what_the_import_closure_reads(name):
    listed = {param.split(".${")[0] for param in body(name)["params"]}
    files = [
        path for path in closure(ROOT / "stages" / f"{name}.py") if path.parent.name != "config" and path.name != "command.py"
    ]
    named = set().union(*(parameters(path, set(Params.model_fields)) for path in files))
    allowed = listed | INDIRECT | UNREAD.get(name, set())
    missing = {one for one in named if not any(f"{one}.".startswith(f"{a}.") or f"{a}.".startswith(f"{one}.") for a in allowed)}
    assert not missing, f"dvc.yaml: {name} reads {missing} without listing them"
    vain = {one for one in UNREAD.get(name, set()) if not any(f"{n}.".startswith(f"{one}.") for n in named)}
    assert not vain, f"{name} does not name {vain} any more"


def test_every_stage_script_is_a_stage():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py") if "__main__" in path.read_text()}
    assert scripts == set(STAGES) | {"publish"}  # a command for people: the ledger belongs to no stage


def test_training_does_not_read_the_threshold():
    for name in ("prepare", "encode", "train_block", "forward", "train_hcd", "train_base", "train_end_to_end"):
        assert not any(param.startswith("partition") for param in body(name)["params"])
        assert not any("classes.json" in dep for dep in body(name)["deps"])
