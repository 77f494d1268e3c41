"""The stage that divides the classes of a block into easy and hard ones (Algorithm 1)."""

from typing import Protocol

import numpy as np

from pipeline.base.errors import UserError
from pipeline.base.folders import Folders
from pipeline.data.prepared import load_manifest
from pipeline.partition.exit_rule import exit_rule
from pipeline.partition.groups import Groups, load_groups
from pipeline.partition.hardness import class_accuracies, divide, hardness_threshold
from pipeline.partition.params import PartitionParams
from pipeline.partition.state import NOTHING, State, load_state
from pipeline.partition.votes import load_vote
from pipeline.training.assignment import Assignment, load_assignment
from pipeline.training.params import HcdParams

ALIKE = "no threshold divides classes of equal accuracy:"
"""What to say where no other threshold helps."""


class PartitionSections(Protocol):
    """The sections that a partition reads."""

    partition: PartitionParams
    hcd: HcdParams


def partition_stage(folders: Folders, params: PartitionSections, key: str, prev: str) -> None:
    """Divide the hard classes of the block before into easy and hard ones, and decide whether a next block is built.

    Writes groups.json (what later stages read), classes.json and class_accuracy.csv (for people and checks), next.json (what
    the next block is asked to learn) and running.npz (Algorithm 3's state, for the next partition).

    Raises:
        UserError: after block 1 no class is hard, or all are, and the parameters call that an error.
    """
    folder, before = folders.block(key), folders.block(prev)
    task, chosen = load_assignment(before), params.partition
    if not task.build:
        nothing = Groups([], [], chosen.earlier_logits)
        nothing.save(folder)
        nothing.explain(folder)
        NOTHING.save(folder)
        return Assignment(False, task.reason, [], None).save(folder)
    manifest = load_manifest(folders.prepared)
    classes = manifest.classes
    vote, label = load_vote(folders, key, prev, chosen.source)
    state = load_state(before, len(label), classes)
    inside = np.flatnonzero(state.prediction < 0)
    running = state.running[inside]
    decision = exit_rule(running, vote.of(inside), chosen.theta_conf, last=False)
    prediction = state.prediction.copy()
    prediction[inside] = decision.prediction
    accuracies = class_accuracies(prediction, label, classes)
    accuracy = accuracies[chosen.metric]
    threshold = hardness_threshold(accuracy, chosen.threshold)
    easy, hard = divide(accuracy, load_groups(before).hard, threshold)
    unseen = [manifest.class_names[c] for c in easy if accuracies["recall"][c] == 0]
    if unseen:
        print(
            f"warning: after {key} {len(unseen)} class(es) are easy by {chosen.metric} but no image of theirs is recognised, "
            f"such as {unseen[0]!r}; train longer, or set partition.metric: recall",
            flush=True,
        )
    overall = float((prediction == label).mean())
    reason = _reason_to_stop(chosen, key, overall, accuracy, threshold, easy, hard)
    state.running[inside] = running
    state.prediction[inside[decision.leaves]] = decision.prediction[decision.leaves]
    State(state.running, state.prediction).save(folder)
    groups = Groups(easy, hard, chosen.earlier_logits)
    groups.save(folder)
    groups.explain(folder, accuracies, chosen.metric, threshold, accuracy=overall, source=chosen.source)
    Assignment(reason is None, reason, sorted(easy + hard), hard if params.hcd.joint else None).save(folder)


def _reason_to_stop(
    params: PartitionParams, key: str, overall: float, accuracy: np.ndarray, threshold: float, easy: list[int], hard: list[int]
) -> str | None:
    target = params.target_accuracy
    if target is not None and overall >= target:
        return f"accuracy after {key} reached partition.target_accuracy {target}"
    unequal = accuracy.min() < accuracy.max()
    higher, lower = (f"{other} it, or" if unequal else ALIKE for other in ("raise", "lower"))
    if not hard:
        if key == "b1" and params.no_hard_class == "error":
            raise UserError(
                f"params.yaml: partition.threshold: no class is hard after b1 (threshold {threshold:.4f}, lowest class accuracy "
                f"{accuracy.min():.4f}), so deeper blocks have nothing to learn; {higher} set "
                "partition.no_hard_class: stop"
            )
        return f"no class is hard after {key}"
    if not easy and key == "b1" and params.no_easy_class == "error":
        raise UserError(
            f"params.yaml: partition.threshold: all classes are hard after b1 (threshold {threshold:.4f}, highest class accuracy "
            f"{accuracy.max():.4f}), so the hard class detector has nothing to tell apart; {lower} set "
            "partition.no_easy_class: continue"
        )
    return None
