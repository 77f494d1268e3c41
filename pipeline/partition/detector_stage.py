"""The stage behind a block's forward pass: train (or take over) and calibrate its hard class detector."""

from typing import Protocol

import numpy as np

from pipeline.base.files import read_tensors, write_tensors
from pipeline.base.folders import Folders
from pipeline.data.prepared import load_prepared
from pipeline.partition.calibration import Calibration, calibrate
from pipeline.partition.detector import fit_separate
from pipeline.partition.groups import load_groups
from pipeline.training.assignment import has_detector, load_assignment
from pipeline.training.params import HcdParams
from pipeline.training.stored import WEIGHTS, Outputs, load_readout

EVALUATED = ("validation", "test")


class DetectorSections(Protocol):
    """The sections that the detector's stage reads."""

    hcd: HcdParams


def detector_stage(folders: Folders, params: DetectorSections, key: str, prev: str) -> None:
    """Write hcd.safetensors (`weight` float32 `[N]`, or nothing), hcd.json and outputs_{validation,test}.npz of a block."""
    folder = folders.block(key)
    task = load_assignment(folders.block(prev))
    classes = np.array(task.classes if task.build else [], dtype=np.int64)
    labels = {split: load_prepared(folders.prepared, split).label for split in ("train", *EVALUATED)}
    readouts = {split: load_readout(folder, split) for split in EVALUATED}
    logits = {split: readout.hcd_logit for split, readout in readouts.items()}
    tensors: dict[str, np.ndarray] = {}
    calibration = Calibration(None, None, {"note": f"{key} has no HCD"})
    if task.build and has_detector(key):
        hard = load_groups(folders.block(prev)).hard
        if params.hcd.joint:
            tensors["weight"] = read_tensors(folder / WEIGHTS)["hcd"]
        else:
            train = load_readout(folder, "train")
            tensors["weight"] = fit_separate(_summary(train.summary), np.isin(labels["train"][train.rows], hard))
            logits = {split: _summary(readout.summary) @ tensors["weight"] for split, readout in readouts.items()}
        own = np.isin(labels["validation"], classes)
        is_hard = np.isin(labels["validation"][own], hard)
        calibration = calibrate(_summary(logits["validation"])[own], is_hard, params.hcd)
    for split, readout in readouts.items():
        label = labels[split] if task.build else labels[split][:0]
        hcd = logits[split]
        Outputs(
            readout.logits, classes, label, np.arange(len(label)), None if hcd is None else hcd.astype(np.float32)
        ).save(folder, split)  # fmt: skip
    calibration.save(folder)
    write_tensors(folder / "hcd.safetensors", tensors)


def _summary(array: np.ndarray | None) -> np.ndarray:
    if array is None:
        raise ValueError("the forward pass stored no values for the hard class detector")
    return array
