"""dvc.yaml is what the stage scripts say and import: DVC does not see imports by itself."""

import pytest
import yaml

from pipeline.config import Params
from tools import dvc_yaml, parameters_page
from tools.dvc_yaml import ORDER
from tools.imports import ROOT, code_of

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def body(name: str) -> dict:
    return STAGES[name].get("do", STAGES[name])


def test_dvc_yaml_is_up_to_date():
    assert (ROOT / "dvc.yaml").read_text() == dvc_yaml.text(), "run `python -m tools.dvc_yaml`"


def test_the_parameters_page_is_up_to_date():
    assert parameters_page.PAGE.read_text() == parameters_page.page(), "run `python -m tools.parameters_page`"


def test_every_parameter_has_a_docstring():
    def bare(section, prefix=""):
        for name, field in section.model_fields.items():
            inner = parameters_page._section(field.annotation)
            if inner is not None:
                yield from bare(inner, f"{prefix}{name}.")
            elif not field.description:
                yield prefix + name

    assert not list(bare(Params))


def test_the_parameters_page_gives_each_default_as_yaml():
    for name, field in Params.model_fields.items():
        section = parameters_page._section(field.annotation)
        for path, value in parameters_page._rows(name, section) if section else ():
            if not value.is_required():
                found = yaml.safe_load(parameters_page._yaml(value.default))
                assert (type(found), found) == (type(value.default), value.default), path


@pytest.mark.parametrize("name", ORDER)
def test_each_stage_depends_on_its_code_alone(name):
    code = [dep for dep in body(name)["deps"] if dep.startswith(("pipeline", "stages", "tools", "runs/code"))]
    assert code == (["pipeline", "stages", "tools/imports.py"] if name == "code" else [f"runs/code/{name}.json"])


def test_every_stage_script_is_a_stage():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py") if "__main__" in path.read_text()}
    assert scripts == set(STAGES) | {"publish", "predict"}  # commands for people


def test_training_does_not_read_the_threshold():
    for name in ("prepare", "encode", "train_block", "forward", "train_hcd", "train_base", "train_end_to_end"):
        assert not any(str(param).startswith("partition") for param in body(name).get("params", []))
        assert not any("classes.json" in str(dep) for dep in body(name)["deps"])
        assert "pipeline/partition/params.py" not in code_of(ROOT / "stages" / f"{name}.py")
