"""params.yaml has two readers, DVC's and this project's: whatever stands there means the same to both."""

import math

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML, YAMLError

from pipeline.base.errors import UserError
from pipeline.base.yaml_file import read_mapping
from pipeline.config import load_params

PLAIN = st.text(alphabet="0123456789+-._eExXoObB:infaNtrusyl ", min_size=1, max_size=8)


def by_dvc(path):
    return YAML(typ="safe").load(path.read_text())


def same(a, b):
    return type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)))


@pytest.mark.parametrize(
    ("text", "value"),
    [("5e-05", 5e-05), ("1e5", 1e5), ("010", 10), ("0o10", 8), ("1_000", 1000), ("+_1", 1), ("yes", "yes"),
     ("1:30", "1:30"), ("0x1F", 31),
     ("-0b11", -3), ("1.e3", 1000.0), (".5", 0.5), ("-.inf", -math.inf), ("true", True), ("'1'", "1"), ("", None)],
)  # fmt: skip
def test_plain_values(text, value, tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(f"a: {text}\n")
    assert same(read_mapping(path)["a"], value)
    assert same(by_dvc(path)["a"], value)


@given(text=PLAIN)
@example(text="+_")
def test_any_plain_value(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("yaml") / "some.yaml"
    path.write_text(f"a: {text}\n")
    try:
        own = read_mapping(path)
    except UserError:
        with pytest.raises((YAMLError, ValueError, AttributeError)):
            by_dvc(path)
        return
    assert same(own["a"], by_dvc(path)["a"]), text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it makes the same mapping every time
@given(value=st.floats(min_value=1e-12, max_value=1.0))
def test_a_learning_rate_that_dvc_wrote_is_read(value, tmp_path_factory, make_content):
    path = tmp_path_factory.mktemp("yaml") / "some.yaml"
    path.write_text(yaml.safe_dump(make_content()))
    content = YAML().load(path.read_text())
    content["blocks"]["b1"]["learning_rate"] = value  # as `dvc exp run -S` does
    with path.open("w") as stream:
        YAML().dump(content, stream)
    assert load_params(path).blocks["b1"].learning_rate == value
