"""The two stages after a block's training: its hard class detector, and the partition of its classes (Algorithm 1)."""

from pathlib import Path
from typing import Any as Params

import numpy as np

from pipeline.base.errors import UserError
from pipeline.base.files import read_arrays, read_json, write_arrays, write_csv, write_json
from pipeline.layout import block_folder
from pipeline.partition.exit_rule import exit_rule
from pipeline.partition.hardness import class_accuracies, divide, hardness_threshold
from pipeline.partition.hcd import calibrate, fit_separate
from pipeline.partition.votes import load_vote

EVALUATED = ("validation", "test")


def hcd_step(params: Params, key: str) -> dict:
    """Train (or take over) and calibrate the HCD of a block; write outputs_{validation,test}.npz and hcd.json.

    Returns the arrays for hcd.safetensors: `weight` float32 `[N]`, or nothing for a block without an HCD.
    """
    folder, prev, prev2 = block_folder(key), params.blocks[key].prev, params.blocks[key].prev2
    built = read_json(block_folder(prev) / "joint_targets.json")["build"]
    classes = np.array(sorted(read_json(block_folder(prev2) / "groups.json")["hard"]) if built else [], dtype=np.int64)
    labels = {split: read_arrays(Path("data/prepared") / f"{split}.npz")["label"] for split in ("train", *EVALUATED)}
    readouts = {split: read_arrays(folder / f"readout_{split}.npz") for split in EVALUATED}
    weight, calibration = None, {"theta_low": None, "theta_high": None, "chosen": {"note": f"{key} has no HCD"}}
    if built and key != "b1":
        hard = read_json(block_folder(prev) / "groups.json")["hard"]
        if not params.hcd.joint:
            train = read_arrays(folder / "readout_train.npz")
            weight = fit_separate(train["summary"], np.isin(labels["train"][train["rows"]], hard))
            for readout in readouts.values():
                readout["hcd_logit"] = readout["summary"] @ weight
        own = np.isin(labels["validation"], classes)
        is_hard = np.isin(labels["validation"][own], hard)
        calibration = calibrate(readouts["validation"]["hcd_logit"][own], is_hard, params.hcd)
    for split, readout in readouts.items():
        label = labels[split] if built else labels[split][:0]
        arrays = {"logits": readout["logits"], "classes": classes, "label": label, "index": np.arange(len(label))}
        if "hcd_logit" in readout:
            arrays["hcd_logit"] = readout["hcd_logit"].astype(np.float32)
        write_arrays(folder / f"outputs_{split}.npz", arrays)
    write_json(folder / "hcd.json", calibration)
    return {} if weight is None else {"weight": weight}


def partition_step(params: Params, key: str) -> None:
    """Divide the hard classes of the block before into easy and hard ones, and decide whether a next block is built.

    Writes classes.json (for people and checks), class_accuracy.csv, groups.json (easy and hard, what later stages read),
    joint_targets.json (what the next block's training reads) and running.npz (Algorithm 3's state, for the next partition).

    Raises:
        UserError: after block 1 no class is hard, or all are, and the parameters call that an error.
    """
    folder, prev = block_folder(key), params.blocks[key].prev
    before = read_json(block_folder(prev) / "joint_targets.json")
    classes = len(read_json("data/prepared/manifest.json")["class_names"])
    if not before["build"]:
        return _write_not_built(folder, before)
    source = params.partition.source
    vote, label = load_vote(key, prev, source)
    state = _load_state(block_folder(prev), len(label), classes)
    inside = np.flatnonzero(state["prediction"] < 0)
    running = state["running"][inside]
    leaves, guess = exit_rule(running, vote.of(inside), params.partition.theta_conf, last=False)
    prediction = state["prediction"].copy()
    prediction[inside] = guess
    accuracies = class_accuracies(prediction, label, classes)
    accuracy = accuracies[params.partition.metric]
    threshold = hardness_threshold(accuracy, params.partition.threshold)
    easy, hard = divide(accuracy, read_json(block_folder(prev) / "groups.json")["hard"], threshold)
    overall = float((prediction == label).mean())
    reason = _reason_to_stop(params, key, overall, accuracy, threshold, easy, hard)
    state["running"][inside] = running
    state["prediction"][inside[leaves]] = guess[leaves]
    write_arrays(folder / "running.npz", state)
    write_json(folder / "classes.json", {
        "easy": easy, "hard": hard, "class_accuracy": [float(a) for a in accuracy], "metric": params.partition.metric,
        "threshold": threshold, "accuracy": overall, "source": source,
    })  # fmt: skip
    rows = zip(range(classes), *(accuracies[name].tolist() for name in ("recall", "one_vs_rest")), strict=True)
    write_csv(folder / "class_accuracy.csv", ("class", "recall", "one_vs_rest"), rows)
    write_json(folder / "groups.json", {"easy": easy, "hard": hard})
    targets = {"hard": hard if params.hcd.joint else None, "build": reason is None, "reason": reason}
    write_json(folder / "joint_targets.json", targets)


def _reason_to_stop(
    params: Params, key: str, overall: float, accuracy: np.ndarray, threshold: float, easy: list[int], hard: list[int]
) -> str | None:
    target = params.partition.target_accuracy
    if target is not None and overall >= target:
        return f"accuracy after {key} reached partition.target_accuracy {target}"
    if not hard:
        if key == "b1" and params.partition.no_hard_class == "error":
            raise UserError(
                f"params.yaml: partition.threshold: no class is hard after b1 (threshold {threshold:.4f}, lowest class accuracy "
                f"{accuracy.min():.4f}), so deeper blocks have nothing to learn; raise it, or set partition.no_hard_class: stop"
            )
        return f"no class is hard after {key}"
    if not easy and key == "b1" and params.partition.no_easy_class == "error":
        raise UserError(
            f"params.yaml: partition.threshold: all classes are hard after b1 (threshold {threshold:.4f}, highest class accuracy "
            f"{accuracy.max():.4f}), so the hard class detector has nothing to tell apart; lower it, or set "
            "partition.no_easy_class: continue"
        )
    return None


def _load_state(folder: Path, count: int, classes: int) -> dict[str, np.ndarray]:
    state = read_arrays(folder / "running.npz")
    if len(state["prediction"]):
        return state
    return {"running": np.zeros((count, classes), dtype=np.float32), "prediction": np.full(count, -1, dtype=np.int64)}


def _write_not_built(folder: Path, before: dict) -> None:
    nothing: dict[str, list[int]] = {"easy": [], "hard": []}
    write_arrays(folder / "running.npz", {"running": np.zeros((0, 0), np.float32), "prediction": np.zeros(0, np.int64)})
    write_json(folder / "classes.json", nothing | {"class_accuracy": None, "metric": None, "threshold": None})
    write_csv(folder / "class_accuracy.csv", ("class", "recall", "one_vs_rest"), [])
    write_json(folder / "groups.json", nothing)
    write_json(folder / "joint_targets.json", before)
