"""Exits in time with Triton's kernels: on the GPU or, where there is none, in Triton's interpreter."""

from triton_tools import run_checks


def test_slices_and_the_runner_with_tritons_kernels():
    run_checks("triton_slice_checks.py", __file__)
