"""Write the versions of everything that is installed into constraints.txt: `python -m tools.lock`, or `make lock`.

Lines that a marker gives to another machine stay as they are: this one knows nothing of it.
"""

import sys
from importlib.metadata import distributions

from packaging.markers import Marker

from pipeline.base.errors import UserError
from tools.imports import ROOT

OWN = {"bloctrain-pipeline", "pip", "setuptools", "wheel"}


def locked(before: str, installed: dict[str, str]) -> str:
    """constraints.txt of the packages `installed`, by name; `before` is the file as it was.

    Raises:
        UserError: what PyTorch needs on a GPU is not installed, so that its pins would be lost.
    """
    if not any(name.startswith("nvidia-") for name in installed):
        raise UserError(
            "torch is installed without CUDA, whose packages belong into constraints.txt; on Linux with an x86-64 processor run "
            "`rm -rf .venv` and `make lock` without TORCH=cpu"
        )
    versions = {name: version.partition("+")[0] for name, version in installed.items() if name.lower() not in OWN}
    head, marked = [], {}
    for line in before.splitlines():
        pin, semicolon, marker = line.partition(";")
        name = pin.partition("==")[0]
        if line.startswith("#"):
            head.append(line)
        elif semicolon:
            here = Marker(marker).evaluate() and name in versions
            marked[f"{name}=={versions[name]};{marker}" if here else line] = name
    pinned = [f"{name}=={version}" for name, version in versions.items() if name not in marked.values()]
    return "\n".join([*head, *marked, *sorted(pinned, key=str.lower)]) + "\n"


if __name__ == "__main__":
    path = ROOT / "constraints.txt"
    found = {package.name: package.version for package in distributions()}
    try:
        path.write_text(locked(path.read_text(encoding="utf-8"), found), encoding="utf-8")
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{path}: {len(found)} packages")
