"""The policy that a run leaves by on disk, runs/anytime/policy.json; there is none where `inference.steps` is not set."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.anytime.runner import Policy
from pipeline.base.errors import UserError
from pipeline.base.files import damaged, file_digest, read_json, write_json
from pipeline.base.folders import Folders
from pipeline.partition.groups import load_groups
from pipeline.training.stored import WEIGHTS

NAME = "policy.json"


def policy_path(folders: Folders) -> Path:
    """Where it lies."""
    return folders.anytime / NAME


def networks(folders: Folders, keys: Sequence[str]) -> dict[str, str]:
    """Digests of what BlocTrain's blocks `keys` are loaded from, by block and file, and weights of earlier logits other than 1:
    a policy is good for no others."""
    paths = [(key, name, folders.block(key) / name) for key in keys for name in (WEIGHTS, "hcd.safetensors", "hcd.json")]
    weights = {f"{key}/earlier_logits": load_groups(folders.block(key)).earlier_logits for key in keys[:-1]}
    digests = {f"{key}/{name}": file_digest(path) for key, name, path in paths if path.exists()}
    return digests | {name: str(weight) for name, weight in weights.items() if weight != 1}


def save_policy(path: Path, steps: list[int], policy: Policy, made_for: dict[str, str]) -> None:
    """Write a policy whose slices end after each of `steps`, and the digests of the networks that it was made for. In the file
    blocks count from 1 and steps are numbers of steps."""
    write_json(path, {
        "steps": steps, "threshold": policy.threshold, "temperature": policy.temperature.tolist(), "networks": made_for,
        "path": [{"block": b + 1, "steps": steps[s]} for b, s in policy.path],
    })  # fmt: skip


def load_policy(folders: Folders, keys: Sequence[str]) -> tuple[list[int], Policy] | None:
    """The steps after which slices end, and the policy, for BlocTrain's blocks `keys`; None where the run has none.

    Raises:
        UserError: the file is damaged, or was made for other networks.
    """
    path = policy_path(folders)
    if not path.exists():
        return None
    content = read_json(path)
    try:
        steps, made_for = [int(step) for step in content["steps"]], dict(content["networks"])
        nodes = tuple((int(node["block"]) - 1, steps.index(node["steps"])) for node in content["path"])
        temperature = np.array(content["temperature"], float)
        policy = Policy(nodes, float(content["threshold"]), temperature)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    if steps != sorted(set(steps)) or temperature.shape != (len(keys), len(steps)) or not (temperature > 0).all():
        raise damaged(path, "steps must rise, with a positive temperature of each block after each of them")
    forward = all(b <= d and s <= t and (b, s) != (d, t) for (b, s), (d, t) in pairwise(nodes))
    if not nodes or min(b for b, _ in nodes) < 0 or not forward or nodes[-1] != (len(keys) - 1, len(steps) - 1):
        raise damaged(path, "its path must never go back, and end at the last block and step")
    if made_for != networks(folders, keys):
        raise UserError(f"{path}: made for other networks than those that lie there; run `dvc repro anytime`")
    return steps, policy
