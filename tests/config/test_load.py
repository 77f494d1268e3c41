import copy
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.base.errors import UserError
from pipeline.config import load_params, parse_params
from pipeline.network.params import chain_to

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "params.yaml", *sorted((ROOT / "experiments").glob("*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_loads(path):
    params = load_params(path)
    assert chain_to(params.blocks, params.deepest) == list(params.blocks)


def absolute(value):
    return {"mode": "absolute", "value": value}


def expectation(**band):
    return [{"metric": "depth", "source": "Table 1"} | band]


BAD = {
    "unknown key": ("training.epoch", 3, "training.epoch = 3: unknown parameter"),
    "unknown section": ("trainings", {}, "trainings: unknown parameter"),
    "quoted number": ("blocks.b1.learning_rate", "0.1", "b1.learning_rate = '0.1': .*read as text"),
    "quoted count": ("training.epochs", "3", "training.epochs = '3': .*read as text"),
    "quoted switch": ("hcd.joint", "true", "hcd.joint = 'true': .*read as text"),
    "fractional count": ("training.epochs", 2.5, "training.epochs = 2.5"),
    "switch as count": ("training.epochs", True, "training.epochs = True"),
    "count as switch": ("network.shortcuts", 1, "network.shortcuts = 1"),
    "no epochs": ("training.epochs", 0, "training.epochs = 0: .*greater than or equal to 1"),
    "negative seed": ("seed", -1, "seed = -1"),
    "leak above 1": ("neuron.leak", 1.01, "neuron.leak = 1.01: .*less than or equal to 1"),
    "no leak at all": ("neuron.leak", 0.0, "neuron.leak = 0.0: .*greater than 0"),
    "leak not a number": ("neuron.leak", float("nan"), "neuron.leak = nan"),
    "firing threshold 0": ("neuron.threshold", 0, "neuron.threshold = 0"),
    "infinite firing threshold": ("neuron.threshold", float("inf"), "neuron.threshold = inf"),
    "damping 1": ("neuron.damping", 1.0, "neuron.damping = 1.0"),
    "delay 2": ("neuron.delay", 2, "neuron.delay = 2: "),
    "delay as switch": ("neuron.delay", True, "neuron.delay = True"),
    "two spikes a step": ("encoding.max_rate_hz", 1001.0, "encoding.max_rate_hz = 1001.0"),
    "unknown source": ("data.source", "mnist", "data.source = 'mnist': .*'image_folder'"),
    "folder without path": ("data.source", "image_folder", "data: .*needs data.path"),
    "path that digits do not read": ("data.path", "data/raw/own", "data: source digits has its own images, but data.path is"),
    "threshold 95.5 for 0.955": ("partition.threshold", absolute(95.5), "partition.threshold: .*95.5% is 0.955"),
    "threshold below 0": ("partition.threshold", absolute(-0.1), "partition.threshold: .*from 0 to 1, not -0.1"),
    "threshold 4 deviations": ("partition.threshold.value", 4.0, "partition.threshold: .*from -3 to 3, not 4.0"),
    "threshold -4 deviations": ("partition.threshold.value", -4.0, "partition.threshold: .*from -3 to 3, not -4.0"),
    "threshold not a number": ("partition.threshold.value", float("nan"), "partition.threshold.value = nan"),
    "threshold mode": ("partition.threshold.mode", "percent", "partition.threshold.mode = 'percent'"),
    "target above 1": ("partition.target_accuracy", 97.0, "partition.target_accuracy = 97.0"),
    "theta_conf above 1": ("inference.theta_conf", 1.5, "inference.theta_conf = 1.5"),
    "theta_conf not a number": ("inference.theta_conf", float("nan"), "inference.theta_conf = nan"),
    "empty sweep": ("inference.sweep", [], "inference.sweep"),
    "sweep value": ("inference.sweep", [0.5, 2.0], "inference.sweep.1 = 2.0"),
    "theta_low above theta_high": ("hcd.spare_hard", 0.5, "hcd: .*spare_hard 0.5 is below keep_hard 0.95"),
    "no blocks": ("blocks", {}, "blocks"),
    "blocks as list": ("blocks", [1, 2], "blocks"),
    "wrong prev": ("blocks.b3.prev", "b1", "entry 3 is b3 with prev b1; it must be b3 with prev b2"),
    "wrong deepest": ("deepest", "b2", "deepest is b2 but the last of the blocks is b3; write deepest: b3"),
    "no layers": ("blocks.b2.layers", [], "blocks.b2.layers"),
    "unknown layer": ("blocks.b2.layers.0.kind", "dense", "blocks.b2.layers.0"),
    "layer without kind": ("blocks.b2.layers.0", {"channels": 3}, "blocks.b2.layers.0"),
    "layer's unknown key": ("blocks.b2.layers.0.kernel", 5, "blocks.b2.layers.0.kernel = 5: unknown parameter"),
    "stride 3": ("blocks.b2.layers.0.stride", 3, "blocks.b2.layers.0.stride = 3"),
    "pool of 1": ("blocks.b1.layers.1.size", 1, "blocks.b1.layers.1.size = 1"),
    "precision without quotes": ("compute.precision", 32, "compute.precision = 32: .*'32'"),
    "expectation without band": ("expectations", expectation(), "expectations.0: .*min, max or both"),
    "expectation of no number": ("expectations", expectation(min=float("nan")), "expectations.0.min = nan: .*finite number"),
    "expectation upside down": ("expectations", expectation(min=2.0, max=1.0), "expectations.0: min 2.0 is above"),
    "experiment as path": ("experiment", "../evil", "experiment = '../evil'"),
}


@pytest.mark.parametrize(("key", "value", "message"), BAD.values(), ids=BAD)
def test_bad_value_gives_one_line_naming_file_and_key(key, value, message, make_content, tmp_path, refusal):
    path = tmp_path / "some.yaml"
    path.write_text(yaml.safe_dump(make_content({key: value}), sort_keys=False))
    line = refusal(load_params, path)
    assert line.startswith(f"{path}: ")
    assert re.search(message, line), line


def test_integer_block_keys_are_refused(make_content, refusal):
    # DVC ignores integer keys of a foreach silently, so they must not get that far.
    content = make_content()
    content["blocks"] = dict(enumerate(content["blocks"].values(), start=1))
    assert refusal(parse_params, content).startswith("params.yaml: blocks.1")


def test_blocks_out_of_order_are_refused(make_content, refusal):
    content = make_content()
    content["blocks"] = dict(reversed(content["blocks"].items()))
    assert "entry 1 is b3" in refusal(parse_params, content)


def test_missing_key_is_named(make_content, refusal):
    content = make_content()
    del content["neuron"]["leak"]
    assert refusal(parse_params, content).startswith("params.yaml: neuron.leak: missing; add it")


def test_several_mistakes_are_counted(make_content, refusal):
    assert refusal(parse_params, make_content({"neuron.leak": 2.0, "neuron.damping": 2.0, "seed": "x"})).endswith("(2 more)")


@pytest.mark.parametrize(("size", "fits"), [(4, True), (3, True), (2, False), (1, False)])
def test_more_blocks_than_the_image_allows(size, fits, make_content, refusal):
    # tiny: pool 2 in b1, stride 2 in b2, so 2x2 pixels leave 1x1 for the stride and 4x4 leave 2x2.
    content = make_content({"data.image_size": size})
    if size == 3:  # pooled to 1x1, so b2 must not stride
        content["blocks"]["b2"]["layers"][0]["stride"] = 1
    if fits:
        assert parse_params(content).data.image_size == size
    else:
        key = {2: "b2", 1: "b1"}[size]
        assert f"params.yaml: blocks.{key}: " in refusal(parse_params, content)


@pytest.mark.parametrize(
    ("stride", "size", "fits"), [(None, 4, True), (None, 5, False), (1, 4, True), (2, 2, True), (2, 4, False)]
)
def test_more_pooling_than_the_classifiers_input_allows(stride, size, fits, make_content, refusal):
    content = make_content({"blocks.b1.readout_pool": size})  # the trunk of b1 leaves 4x4
    if stride:
        content["blocks"]["b1"]["head"] = [{"kind": "conv", "channels": 4, "stride": stride}]
    if fits:
        assert parse_params(content).blocks["b1"].readout_pool == size
    else:
        left = "head has 2x2" if stride else "output has 4x4"
        assert f"blocks.b1.readout_pool is {size} but the block's {left} pixels" in refusal(parse_params, content)


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "just words", "3"])
def test_file_without_mapping(text, tmp_path, refusal):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert refusal(load_params, path) == f"{path}: holds no mapping of parameters; copy one of experiments/*.yaml to it"


INVALID = {
    "unclosed": b"seed: {1",
    "tab": b"seed:\n\t- 1",
    "not UTF-8": b"seed: \xff\xfe",
    "control character": b"seed: \x00",
    "unknown tag": b"seed: !!python/object:os.system 1",
    "unhashable key": b"? [a]\n: 1",
    "undefined alias": b"seed: *other",
    "impossible date": b"experiment: 2024-13-45",
    "too many digits": b"seed: " + b"1" * 5000,
    "a key twice": b"seed: 1\nseed: 2",
    "an integer of nothing": b'seed: !!int ""',
    "a truth of something": b"seed: !!bool foo",
    "a date of something": b"seed: !!timestamp foo",
    "bottomless nesting": b"seed: " + b"[" * 3000,
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_invalid_yaml_is_one_line(text, tmp_path, refusal):
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    assert refusal(load_params, path).startswith(f"{path}: not valid YAML (")


def test_missing_file_says_what_to_copy(tmp_path, refusal):
    path = tmp_path / "params.yaml"
    assert refusal(load_params, path) == f"{path}: missing; copy one of experiments/*.yaml to it"


def test_a_folder_is_no_parameter_file(tmp_path, refusal):
    assert str(tmp_path) in refusal(load_params, tmp_path)


def test_params_cannot_be_changed_afterwards(make_params):
    with pytest.raises(ValidationError, match="frozen"):
        make_params().seed = 3


def test_index_and_chain(make_params):
    params = make_params()
    assert chain_to(params.blocks, "b2") == ["b1", "b2"]
    with pytest.raises(KeyError, match="b4 is not one of the blocks b1, b2, b3"):
        chain_to(params.blocks, "b4")


TEXT = (ROOT / "params.yaml").read_text()
CONTENT = yaml.safe_load(TEXT)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["1e-5", "b1", "b0", "conv", "relative", 1e-5, 0, 1, 2, -1, 0.5, 10**30, "\n\u2028"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3), max_leaves=6
)  # fmt: skip


def places(node):
    """(container, key) of everything inside a nested mapping or list."""
    for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


def is_refused(call, *args):
    """Whether the call is refused, which takes one line; anything but that and a result is an error."""
    try:
        call(*args)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return True
    return False


@settings(max_examples=200)
@given(data=st.data())
def test_a_mutated_mapping_loads_or_is_refused(data):
    content = copy.deepcopy(CONTENT)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(content))))
        change = data.draw(st.sampled_from(["replace", "delete", "insert"]))
        if change == "delete":
            del container[key]
        elif change == "replace":
            container[key] = data.draw(VALUES)
        elif isinstance(container, dict):
            container[data.draw(SCALARS)] = data.draw(VALUES)
        else:
            container.insert(key, data.draw(VALUES))
    is_refused(parse_params, content)


def test_a_mutated_text_loads_or_is_refused(tmp_path):
    path, refused = tmp_path / "params.yaml", []
    text = TEXT.split("\nexpectations:")[0]

    @settings(max_examples=350)
    @given(start=st.integers(0, len(text)), length=st.integers(0, 30), new=st.text(st.characters(codec="utf-8"), max_size=12))
    def mutate(start, length, new):
        path.write_text(text[:start] + new + text[start + length :], encoding="utf-8")
        refused.append(is_refused(load_params, path))

    mutate()
    assert sum(refused) >= 200
