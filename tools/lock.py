"""Write the versions of everything that is installed into constraints.txt: `python -m tools.lock`, or `make lock`.

Lines with a platform marker stay as they are: one machine knows nothing of another.
"""

from importlib.metadata import distributions

from tools.imports import ROOT

OWN = {"bloctrain-pipeline", "pip", "setuptools", "wheel"}


def locked(before: str, installed: dict[str, str]) -> str:
    """constraints.txt of the packages `installed`, by name; `before` is the file as it was."""
    head = [line for line in before.splitlines() if line.startswith("#")]
    marked = [line for line in before.splitlines() if ";" in line]
    elsewhere = OWN | {line.partition("==")[0].lower() for line in marked}
    pinned = [f"{name}=={version}" for name, version in installed.items() if name.lower() not in elsewhere]
    return "\n".join([*head, *marked, *sorted(pinned, key=str.lower)]) + "\n"


if __name__ == "__main__":
    path = ROOT / "constraints.txt"
    found = {package.name: package.version.partition("+")[0] for package in distributions()}
    path.write_text(locked(path.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(f"{path}: {len(found)} packages")
