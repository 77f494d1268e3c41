"""Spike trains, crops and dropout masks drawn on a GPU are the host's."""

from triton_tools import run_checks


def test_what_a_gpu_draws_is_what_the_host_draws():
    """`device_poisson_checks.py` on the GPU or, where there is none, in Triton's interpreter."""
    run_checks("device_poisson_checks.py", __file__)
