"""The stage before the first block: the encoder as block 0 of Algorithm 1."""

from pipeline.base.folders import ENCODER, Folders
from pipeline.data.prepared import load_manifest
from pipeline.partition.groups import Groups
from pipeline.partition.state import NOTHING
from pipeline.training.assignment import Assignment


def start_stage(folders: Folders) -> None:
    """The encoder's folder as block 0 of Algorithm 1: no class easy, every class hard, nobody left yet."""
    folder, classes = folders.block(ENCODER), list(range(load_manifest(folders.prepared).classes))
    groups = Groups([], classes)
    groups.save(folder)
    groups.explain(folder)
    NOTHING.save(folder)
    Assignment(True, None, classes, None).save(folder)
