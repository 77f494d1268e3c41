"""Fixtures for every test: parameters to vary, a working folder of one's own, one thread."""

import copy
import tempfile
from pathlib import Path

import hypothesis
import pytest
import torch
import yaml
from hypothesis.configuration import set_hypothesis_home_dir

from pipeline.base.errors import UserError
from pipeline.config import parse_params

# Parameters for tests, apart from params.yaml, which is whatever experiment is in force.
TINY = """
experiment: tiny
seed: 0
data: {source: digits, path: null, image_size: 8, split: {train: 60, validation: 30, test: 30}}
encoding: {time_steps: 4, max_rate_hz: 1000.0}
neuron: {leak: 0.99, threshold: 1.0, damping: 0.3, delay: 0}
network: {shortcuts: true, init_gain: 1.0}
blocks:
  b1:
    prev: b0
    layers: [{kind: conv, channels: 4}, {kind: pool, size: 2}, {kind: residual, channels: 6}]
    hidden: 16
    learning_rate: 0.002
  b2: {prev: b1, layers: [{kind: residual, channels: 8, stride: 2}], hidden: 16, learning_rate: 0.002}
  b3: {prev: b2, layers: [{kind: residual, channels: 8}], hidden: 16, learning_rate: 0.002}
deepest: b3
training: {epochs: 3, batch_size: 16, schedule: constant, augmentation: none, dropout: 0.0}
baselines: {end_to_end_learning_rate: 0.002}
features: {mode: cached, realisations: 2}
hcd: {joint: true, keep_hard: 0.95, spare_hard: 0.99}
partition: {metric: recall, threshold: {mode: relative, value: 0.0}}
inference: {theta_conf: 1.0, sweep: [0.9, 1.0]}
accounting: {}
compute: {device: cpu, micro_batch: 8, kernel: reference}
"""

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
hypothesis.settings.register_profile("quiet", deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("quiet")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, so that relative paths (data/, runs/, .resume/) lie in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_content():
    """`make_content({"a.b.c": value})`: the tiny parameters as a mapping, with some values replaced."""

    def make(changes=None):
        content = copy.deepcopy(yaml.safe_load(TINY))
        for dotted, value in (changes or {}).items():
            *parents, last = dotted.split(".")
            node = content
            for name in parents:
                node = node[int(name)] if isinstance(node, list) else node[name]
            node[int(last) if isinstance(node, list) else last] = value
        return content

    return make


@pytest.fixture
def make_params(make_content):
    """The same as `Params`."""
    return lambda changes=None: parse_params(make_content(changes))


@pytest.fixture
def refusal():
    """`refusal(call, *args)`: the message of the UserError that the call must raise, checked to be one line."""

    def refuse(call, *args, **named):
        with pytest.raises(UserError) as caught:
            call(*args, **named)
        message = str(caught.value)
        assert message
        assert len(message.splitlines()) == 1
        return message

    return refuse


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a finished tiny run (`tiny_run`). Only to be read, or copied."""
    from tiny_run import make_run, tiny_content

    return make_run(tmp_path_factory.mktemp("run"), tiny_content())
