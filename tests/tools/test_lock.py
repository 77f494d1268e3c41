"""constraints.txt as `make lock` writes it."""

import platform

from tools.lock import locked

HERE, ELSEWHERE = (f'platform_machine {sign} "{platform.machine()}"' for sign in ("==", "!="))
BEFORE = f"# Why.\ntorch==2.9.0; {HERE}\ntorch==2.8.0; {ELSEWHERE}\nold==1\nnvidia-x==1\n"
INSTALLED = {"torch": "2.14.1", "Zeta": "2", "nvidia-x": "3", "alpha": "1", "bloctrain-pipeline": "0.1"}


def test_a_lock_takes_this_machines_versions_and_keeps_those_of_another():
    wanted = f"# Why.\ntorch==2.14.1; {HERE}\ntorch==2.8.0; {ELSEWHERE}\nalpha==1\nnvidia-x==3\nZeta==2\n"
    assert locked(BEFORE, INSTALLED) == wanted
    assert locked(wanted, INSTALLED) == wanted


def test_a_lock_of_pytorch_without_cuda_is_refused(refusal):
    installed = {name: version for name, version in INSTALLED.items() if name != "nvidia-x"} | {"torch": "2.14.1+cpu"}
    assert "without TORCH=cpu" in refusal(locked, BEFORE, installed)
