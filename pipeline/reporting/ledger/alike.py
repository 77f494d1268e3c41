"""Whether two runs had the same parameters and data, whenever they were recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

OFF = {
    "kind": "poisson", "levels": 1, "optimizer": "adam", "readout_pool": 1, "memory_images": 1, "nodes": 1, "norm_scale": 1.0,
    "readout_rate": 1.0, "points_lost": 0.5, "end_to_end_at": "every_depth", "earlier_logits": 1.0,
}  # fmt: skip
"""Options of newer versions and the values that switch them off; others where they are null, zero, false, empty or none."""
ADDED = {"baselines.trained": ["bloctrain_base", "end_to_end"], "data.split.held_out": True}
"""Parameters that older records lack and what their runs did."""
ROUNDING = 2
"""Images of a class by which the splits of another seed may differ: each is drawn in two steps, which round."""


def same_parameters(first: Mapping[str, Any], second: Mapping[str, Any], free: Sequence[str]) -> bool:
    """Whether two recorded mappings agree in all but the dotted names in `free`.

    They are compared as data. A parameter that one of them lacks was added since, so the other must have it switched off.
    """
    ours, theirs = (_complete(_flat(parameters, "", free), free) for parameters in (first, second))
    return all(ours.get(name, "none") == theirs.get(name, "none") for name in ours.keys() | theirs.keys())


def same_data(first: Mapping[str, Any], second: Mapping[str, Any], same_seed: bool) -> bool:
    """Whether two manifests are of the same images, as far as they tell: by the pixels where one seed split both,
    else by the names of the classes, which older records lack, the shape, and the numbers of images."""
    if any(first[key] != second[key] for key in ("class_names", "image_shape") if key in first and key in second):
        return False
    if same_seed:
        return bool(first["sha256_of_pixels"] == second["sha256_of_pixels"])
    counts, others = (np.array([data["counts"][split]["per_class"] for split in first["counts"]]) for data in (first, second))
    return counts.shape == others.shape and bool(np.abs(counts - others).max() <= ROUNDING)


def _complete(flat: dict[str, Any], free: Sequence[str]) -> dict[str, Any]:
    for name, value in ADDED.items():
        if not any(f"{key}.".startswith(f"{name}.") for key in flat):
            flat = flat | _flat(value, name, free)
    return flat


def _flat(content: Any, prefix: str, free: Sequence[str]) -> dict[str, Any]:
    """Dotted names and values, without those that are free; whatever is switched off reads `none`."""
    if prefix in free:
        return {}
    if isinstance(content, Mapping) or (isinstance(content, list) and content):
        items = content.items() if isinstance(content, Mapping) else enumerate(content)
        return {n: v for key, item in items for n, v in _flat(item, f"{prefix}.{key}".removeprefix("."), free).items()}
    name = prefix.rpartition(".")[2]
    off = content == OFF[name] if name in OFF else not content
    return {prefix: "none" if off else content}
