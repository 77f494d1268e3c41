"""The policy that a run leaves by on disk, runs/anytime/policy.json; there is none where `inference.steps` is not set."""

from pathlib import Path

import numpy as np

from pipeline.anytime.runner import Policy
from pipeline.base.files import damaged, read_json, write_json
from pipeline.base.folders import Folders

NAME = "policy.json"


def policy_path(folders: Folders) -> Path:
    """Where it lies."""
    return folders.anytime / NAME


def save_policy(path: Path, steps: list[int], policy: Policy) -> None:
    """Write a policy whose slices end after each of `steps`. In the file blocks count from 1 and steps are numbers of steps."""
    write_json(path, {
        "steps": steps, "threshold": policy.threshold, "temperature": policy.temperature.tolist(),
        "path": [{"block": b + 1, "steps": steps[s]} for b, s in policy.path],
    })  # fmt: skip


def load_policy(folders: Folders) -> tuple[list[int], Policy] | None:
    """The steps after which slices end, and the policy; None where the run has none.

    Raises:
        UserError: the file is damaged.
    """
    path = policy_path(folders)
    if not path.exists():
        return None
    content = read_json(path)
    try:
        steps = [int(step) for step in content["steps"]]
        nodes = tuple((int(node["block"]) - 1, steps.index(node["steps"])) for node in content["path"])
        temperature = np.array(content["temperature"], float)
        if not nodes or nodes[-1] != (len(temperature) - 1, len(steps) - 1) or temperature.shape[1:] != (len(steps),):
            raise ValueError("its path does not end at the last block and step")
        return steps, Policy(nodes, float(content["threshold"]), temperature)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
