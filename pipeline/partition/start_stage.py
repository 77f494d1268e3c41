"""The stage before the first block: the encoder as block 0 of Algorithm 1."""

from pipeline.base.errors import UserError
from pipeline.base.folders import ENCODER, Folders
from pipeline.data.prepared import load_manifest
from pipeline.partition.groups import Groups
from pipeline.partition.state import NOTHING
from pipeline.training.assignment import Assignment


def start_stage(folders: Folders, metric: str) -> None:
    """The encoder's folder as block 0 of Algorithm 1: no class easy, every class hard, nobody left yet.

    Raises:
        UserError: the `metric` that classes will be divided by can tell no two classes of these data apart.
    """
    folder, classes = folders.block(ENCODER), list(range(load_manifest(folders.prepared).classes))
    if len(classes) == 2 and metric == "one_vs_rest":
        raise UserError(
            "params.yaml: partition.metric is one_vs_rest, by which both of two classes always have the same accuracy, so none "
            "is easier; use metric: recall"
        )
    groups = Groups([], classes)
    groups.save(folder)
    groups.explain(folder)
    NOTHING.save(folder)
    Assignment(True, None, classes, None).save(folder)
