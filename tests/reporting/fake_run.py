"""A run with numbers chosen by hand: 1000 test images, ten classes, three blocks."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.anytime.choose import COLUMNS
from pipeline.base.files import write_arrays, write_csv, write_json
from pipeline.base.folders import METHODS
from pipeline.config import Params, parse_params

KEYS = ("b1", "b2", "b3")
IMAGES = 1000
FORWARD = 2.0
"""Seconds of the pass that makes a block's features."""
LEFT = {"bloctrain": (600, 300, 100), "bloctrain_base": (500, 300, 200)}
RIGHT = {"bloctrain": 900, "bloctrain_base": 950}
BY_DEPTH = {
    "bloctrain": {"b1": 0.80, "b2": 0.88, "b3": 0.90},
    "bloctrain_base": {"b1": 0.82, "b2": 0.92, "b3": 0.95},
    "end_to_end": {"b1": 0.85, "b2": 0.84, "b3": 0.80},
}
RECALL = [1.0, 0.98, 0.97, 0.6, 0.96, 0.7, 0.95, 0.94, 0.8, 0.93]
HARD = [3, 5, 8]
THRESHOLD = 0.883
"""The mean recall: what a relative threshold of 0 comes to."""
EASY = [c for c in range(10) if c not in HARD]


def paper_params() -> dict[str, Any]:
    """CIFAR-10, ResNet-9, the paper's widths, steps, batch and epochs."""
    layers = {
        "b1": [{"kind": "conv", "channels": 64}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 128}],
        "b2": [{"kind": "residual", "channels": 256, "stride": 2}],
        "b3": [{"kind": "residual", "channels": 512}],
    }
    return {
        "experiment": "fake",
        "seed": 0,
        "data": {
            "source": "cifar10",
            "path": None,
            "image_size": 32,
            "split": {"train": 40000, "validation": 10000, "test": 10000},
        },
        "encoding": {"time_steps": 100, "max_rate_hz": 1000.0},
        "neuron": {"leak": 0.99, "threshold": 1.0, "damping": 0.3, "delay": 1},
        "network": {"shortcuts": True, "init_gain": 1.0},
        "blocks": {
            key: {
                "prev": f"b{int(key[1:]) - 1}",
                "layers": layers[key],
                "hidden": 1024,
                "learning_rate": 0.0001 if key == "b3" else 0.0002,
            }
            for key in KEYS
        },
        "deepest": "b3",
        "training": {"epochs": 125, "batch_size": 64, "schedule": "constant"},
        "baselines": {"end_to_end_learning_rate": 0.0001},
        "features": {"mode": "recompute"},
        "hcd": {"joint": True, "keep_hard": 0.95, "spare_hard": 0.99},
        "partition": {"metric": "recall", "threshold": {"mode": "relative", "value": 0.0}},
        "inference": {"theta_conf": 1.0, "sweep": [0.9, 0.99, 1.0]},
        "accounting": {},
        "compute": {},
        "expectations": [{"metric": "accuracy.bloctrain", "min": 0.85, "max": 0.95, "source": "Table 1"}],
    }


def digits_params() -> dict[str, Any]:
    """The same network at an eighth of the width, on digits."""
    params = paper_params()
    params["data"] = {
        "source": "digits",
        "path": None,
        "image_size": 16,
        "split": {"train": 1077, "validation": 360, "test": 360},
    }
    params["encoding"]["time_steps"] = 20
    params["training"]["epochs"] = 10
    for block in params["blocks"].values():
        block["hidden"] = 64
        for layer in block["layers"]:
            if "channels" in layer:
                layer["channels"] //= 8
    return params


def write_run(root: Path, params: dict[str, Any], built: int = 3) -> Params:
    """Write params.yaml, data/prepared and runs/ under `root`; blocks after the first `built` are not built."""
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    typed = parse_params(params, "params.yaml")
    runs = root / "runs"
    _prepared(root / "data/prepared", params["data"])
    _blocks(runs, built)
    for method in ("bloctrain", "bloctrain_base"):
        left = LEFT[method] if built == 3 or method != "bloctrain" else (600, 400)
        name = "exits_test" if method == "bloctrain" else "exits_base_test"
        write_arrays(runs / f"{name}.npz", _exits(left, RIGHT[method]))
    _depths(runs, built)
    _accounting(runs, built)
    write_csv(runs / "anytime" / "policies.csv", COLUMNS, [])
    return typed


def _prepared(folder: Path, data: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(IMAGES) % 10
    channels = 1 if data["source"] == "digits" else 3
    images = rng.integers(0, 256, (IMAGES, channels, 16, 16), dtype=np.uint8)
    write_arrays(folder / "test.npz", {"images": images, "label": label})
    write_json(
        folder / "manifest.json",
        {
            "source": data["source"],
            "class_names": [f"class <{c}>" for c in range(10)],
            "image_shape": [channels, 16, 16],
            "counts": {split: {"total": size, "per_class": [size // 10] * 10} for split, size in data["split"].items()},
            "sha256_of_pixels": dict.fromkeys(data["split"], "0" * 64),
        },
    )


def _blocks(runs: Path, built: int) -> None:
    write_json(runs / "b0/groups.json", {"easy": [], "hard": list(range(10))})
    asked = {"b0": list(range(10)), "b1": list(range(10)), "b2": HARD, "b3": HARD}
    write_json(runs / "b0/next.json", {"build": True, "reason": None, "classes": asked["b0"], "hard": None})
    write_json(runs / "b0/encoder.json", {"mean": [0.5]})
    columns = [
        "epoch", "learning_rate", "loss",
        "class_loss", "hcd_loss", "train_accuracy", "validation_accuracy",
    ]  # fmt: skip
    for position, key in enumerate(KEYS, start=1):
        made = position <= built
        write_json(runs / key / "groups.json", {"easy": EASY if position == 1 else [], "hard": HARD})
        go_on = position < built
        reason = None if go_on or position == 3 else "target accuracy reached"
        build = go_on or position == 3 == built
        write_json(runs / key / "next.json", {"build": build, "reason": reason, "classes": asked[key], "hard": None})
        write_json(runs / key / "classes.json", {"threshold": THRESHOLD if made else None})
        write_json(runs / key / "hcd.json", {"theta_low": None, "theta_high": None})
        rows = [(c, r, 1 - (1 - r) / 10) for c, r in enumerate(RECALL)] if made else []
        write_csv(runs / key / "class_accuracy.csv", ("class", "recall", "one_vs_rest"), rows)
        for folder in ("", "base", "end_to_end"):
            own = folder == ""
            epochs = range(1, 6) if made or not own else range(0)
            table = [
                (e, 0.002, 2.0 / e, 2.0 / e, None, 1 - 0.4 / e - 0.02 * position, 1 - 0.5 / e - 0.01 * position if own else None)
                for e in epochs
            ]
            write_csv(runs / key / folder / "history.csv", columns, table)
        _weights(runs / key / "block.safetensors", 100 * position if made else 0)
        _weights(runs / key / "base/block.safetensors", 100 * position)
        _weights(runs / key / "end_to_end/block.safetensors", 100 * position)


def _weights(path: Path, count: int) -> None:
    header = f'{{"w":{{"dtype":"F32","shape":[{count}],"data_offsets":[0,{4 * count}]}}}}'.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4 * count))


def _exits(left: tuple[int, ...], right: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    label = np.arange(IMAGES) % 10
    prediction = label.copy()
    wrong = rng.permutation(IMAGES)[right:]
    prediction[wrong] = (label[wrong] + 1) % 10
    nothing = np.full(len(left), np.nan, np.float32)
    return {
        "exit_block": np.repeat(np.arange(1, len(left) + 1), left),
        "prediction": prediction,
        "label": label,
        "index": np.arange(IMAGES),
        "theta_conf": np.ones(len(left), np.float32),
        "theta_high": nothing,
        "theta_low": nothing,
    }


def _depths(runs: Path, built: int) -> None:
    rows = [
        (d, key, BY_DEPTH["bloctrain"][key] if d <= built else None, BY_DEPTH["bloctrain_base"][key], BY_DEPTH["end_to_end"][key])
        for d, key in enumerate(KEYS, start=1)
    ]
    write_csv(runs / "accuracy_by_depth.csv", ("depth", "block", *METHODS), rows)


def _accounting(runs: Path, built: int) -> None:
    folder = runs / "accounting"
    sizes = {"b1": (1.0, 24.0), "b2": (2.0, 8.0), "b3": (6.0, 10.0)}
    memory: list[list[Any]] = []
    for d, (key, (weights, state)) in enumerate(list(sizes.items())[:built], start=1):
        memory.append([64, "bloctrain", d, key, weights, state, weights + state, 40 / (weights + state), 1.1, 5.0])
    memory += [[64, "end_to_end", d, key, d, 13.0 * d, 14.0 * d - (d == 3) * 2.0, 1.0, 1.0, 7.0] for d, key in enumerate(KEYS, 1)]
    columns = [
        "images",
        "method",
        "depth",
        "block",
        "weights_mb",
        "state_mb",
        "total_mb",
        "reduction",
        "reduction_same_depth",
        "saved_mb_measured",
    ]
    write_csv(folder / "training_memory.csv", columns, memory)

    columns = ["network", "images", "method", "block", "total_mb", "reduction"]
    paper: list[list[Any]] = []
    for images, sizes_mb in ((1, (100.0, 52.0, 60.0)), (64, (4000.0, 2250.0, 2500.0))):
        whole = 2 * sizes_mb[0]
        paper += [["cifar10_resnet9", images, "bloctrain", key, mb, whole / mb] for key, mb in zip(KEYS, sizes_mb, strict=True)]
        paper.append(["cifar10_resnet9", images, "end_to_end", KEYS[-1], whole, 1.0])
    write_csv(folder / "paper_training_memory.csv", columns, paper)
    ways = {"as stated": 5.6, "blocks 1 and 2 merged": 3.1, "linear": 1.2, "merged and linear": 1.1}
    columns = ["network", "classifiers", "bloctrain", "end_to_end", "overhead"]
    write_csv(folder / "paper_parameters.csv", columns, [["cifar100_resnet11", way, 10 * x, 10, x] for way, x in ways.items()])

    columns = [
        "method",
        "accuracy",
        "macs_per_image",
        "compute_efficiency",
        "memory_mb",
        "memory_overhead",
        "synaptic_operations",
    ]
    inference = [
        ("bloctrain", 0.9, 500_000, 1.9, 1.5, 1.5, 2_000.0),
        ("bloctrain_base", 0.95, 600_000, 1.6, 1.6, 1.6, 2_200.0),
        ("end_to_end", 0.8, 950_000, 1.0, 1.0, 1.0, 4_000.0),
    ]
    write_csv(folder / "inference.csv", columns, inference)

    sweep = {0.9: (0.85, 3.0, 1.1, 0.8, 0.15, 0.05), 0.99: (0.898, 2.4, 1.3, 0.7, 0.2, 0.1), 1.0: (0.9, 1.9, 1.5, 0.6, 0.3, 0.1)}
    columns = [
        "method",
        "split",
        "theta_conf",
        "accuracy",
        "compute_efficiency",
        "memory_overhead",
        "share_b1",
        "share_b2",
        "share_b3",
    ]
    cases = [(method, split) for method in METHODS[:2] for split in ("validation", "test")]
    write_csv(folder / "tradeoff.csv", columns, [[*case, theta, *values] for case in cases for theta, values in sweep.items()])

    seconds = {"bloctrain": (10.0, 20.0, 5.0), "bloctrain_base": (12.0, 22.0, 24.0), "end_to_end": (10.0, 20.0, 28.0)}
    times: list[list[Any]] = []
    for method, values in seconds.items():
        for d, (key, value) in enumerate(zip(KEYS, values, strict=True), start=1):
            made = method != "bloctrain" or d <= built
            forward = 0.0 if method == "end_to_end" else FORWARD
            times.append([method, d, key, *([40000, 10, value, value / 10, forward] if made else [0, 0, 0.0, None, 0.0])])
    columns = ["method", "depth", "block", "images", "epochs", "seconds", "median_seconds_per_epoch", "forward_seconds"]
    write_csv(runs / "training_time.csv", columns, times)
    speedup = {"bloctrain": 1.6, "bloctrain_base": 1.4}
    write_json(runs / "latency.json", {"images": 256, "batch_size": 32, "repeats": 3, "seconds": {}, "speedup": speedup})
