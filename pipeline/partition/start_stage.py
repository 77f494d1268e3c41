"""The stage before the first block: the encoder as block 0 of Algorithm 1."""

from math import sqrt

from pipeline.base.errors import UserError
from pipeline.base.folders import ENCODER, Folders
from pipeline.data.prepared import load_manifest
from pipeline.partition.groups import Groups
from pipeline.partition.params import PartitionParams
from pipeline.partition.state import NOTHING
from pipeline.training.assignment import Assignment


def start_stage(folders: Folders, params: PartitionParams) -> None:
    """The encoder's folder as block 0 of Algorithm 1: no class easy, every class hard, nobody left yet.

    Raises:
        UserError: the metric can tell no two classes of these data apart, or no class can reach the threshold.
    """
    folder, classes = folders.block(ENCODER), list(range(load_manifest(folders.prepared).classes))
    _check(params, len(classes))
    groups = Groups([], classes)
    groups.save(folder)
    groups.explain(folder)
    NOTHING.save(folder)
    Assignment(True, None, classes, None).save(folder)


def _check(params: PartitionParams, classes: int) -> None:
    """What is known of the partition before anything is trained. No value of a sample of n lies more than sqrt(n - 1) of its
    standard deviations from its mean (Samuelson's inequality)."""
    if classes == 2 and params.metric == "one_vs_rest":
        raise UserError(
            "params.yaml: partition.metric is one_vs_rest, by which both of two classes always have the same accuracy, so none "
            "is easier; use metric: recall"
        )
    value, furthest = params.threshold.value, sqrt(classes - 1)
    if params.threshold.mode == "absolute" or abs(value) <= furthest:
        return
    where = f"params.yaml: partition.threshold.value is {value:g}, but none of {classes} classes can be more than {furthest:.2f} "
    if value > 0:
        print(f"warning: {where}standard deviations above the mean: every class with a mistake will be hard", flush=True)
    elif params.no_hard_class == "error":
        raise UserError(
            f"{where}standard deviations below the mean, so none will be hard; raise it, or set partition.no_hard_class: stop"
        )
