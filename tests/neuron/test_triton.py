"""Triton's scans are the reference's, and what is said where they cannot be had."""

import importlib.util

import pytest
import torch
from triton_tools import INTERPRETED, run_checks

from pipeline.neuron import triton as engine


@pytest.mark.parametrize("checks", ["triton_checks.py", "triton_pool_checks.py"])
def test_the_kernels_are_the_reference(checks):
    """On the GPU or, where there is none, in Triton's interpreter."""
    run_checks(checks, __file__)


@pytest.mark.skipif(torch.cuda.is_available() or INTERPRETED, reason="the kernels can run here")
def test_trouble_without_a_gpu():
    pytest.importorskip("triton")
    assert engine.trouble() == "there is no GPU"


def test_trouble_without_triton(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert engine.trouble.__wrapped__() == "triton is not installed"
