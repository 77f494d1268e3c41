"""Tests of Triton kernels: on the GPU where there is one, else in Triton's interpreter, which a process must begin with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.neuron.fused.library import KernelsUnavailable, load_library

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
INTERPRETER_OLDER_THAN_NUMPY = "only 0-dimensional arrays can be converted to Python scalars"
DTYPES = [torch.float32, torch.bfloat16]
# Relative error of a number in bfloat16: the interpreter cuts off where a GPU rounds.
BFLOAT16 = 2**-7 if INTERPRETED else 2**-8


def run_checks(name: str, beside: str) -> None:
    """Run the tests of file `name`, which lies beside the calling one, in a process of their own."""
    pytest.importorskip("triton")
    checks = Path(beside).with_name(name)
    environment = {**os.environ, "TRITON_INTERPRET": "0" if DEVICE.type == "cuda" else "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-rs", "--tb=short", str(checks)]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    if INTERPRETER_OLDER_THAN_NUMPY in done.stdout:
        pytest.skip("this version of Triton has an interpreter that does not run with this numpy")
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert " passed" in done.stdout, done.stdout
    print(done.stdout.strip().splitlines()[-1])


def without_compiler() -> str:
    """Why the kernels for CPUs cannot be had; empty where they can."""
    try:
        load_library()
    except KernelsUnavailable as error:
        return str(error)
    return ""


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """`[T, B, C, H, W]` in the layout that images have in a network; others are left alone."""
    return tensor.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3) if tensor.dim() == 5 else tensor


def need_gpu_or_interpreter() -> None:
    """Skip the calling module in a process that has neither."""
    if DEVICE.type == "cpu" and not INTERPRETED:
        pytest.skip("there is neither a GPU nor TRITON_INTERPRET=1", allow_module_level=True)
