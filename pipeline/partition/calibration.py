"""The two thresholds of a block's hard class detector, how they are chosen, and hcd.json, which holds them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from pipeline.base.files import damaged, read_json, write_json
from pipeline.training.params import HcdParams


@dataclass(frozen=True)
class Calibration:
    """theta_low and theta_high of Algorithm 3, both None for a block without a detector; `chosen` says how, for people."""

    theta_low: float | None
    theta_high: float | None
    chosen: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write hcd.json."""
        write_json(folder / "hcd.json", asdict(self))


def load_calibration(folder: Path) -> Calibration:
    """hcd.json.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / "hcd.json"
    try:
        return Calibration(**read_json(path))
    except TypeError as error:
        raise damaged(path, "not the thresholds of a hard class detector") from error


def calibrate(hcd_logit: np.ndarray, is_hard: np.ndarray, params: HcdParams) -> Calibration:
    """theta_high and theta_low from validation images of the block's classes.

    theta_high is the largest value that at least `keep_hard` of the hard images reach, so no more than the rest of them
    leave on the HCD's word; theta_low the same for `spare_hard`. Where one of the two kinds is absent both are 0: the
    HCD then never decides.
    """
    how: dict[str, Any] = {"keep_hard": params.keep_hard, "spare_hard": params.spare_hard, "images": "validation"}
    if is_hard.all() or not is_hard.any():
        return Calibration(0.0, 0.0, how | {"note": "only one kind of class, the HCD decides nothing"})
    hard = np.sort(expit(hcd_logit[is_hard].astype(np.float32)))

    def reached_by(share: float) -> float:
        return float(hard[len(hard) - int(np.ceil(share * len(hard)))])

    low, high = reached_by(params.spare_hard), reached_by(params.keep_hard)
    easy = expit(hcd_logit[~is_hard].astype(np.float32))
    how |= {
        "hard_images_below_theta_high": float((hard < high).mean()),
        "easy_images_below_theta_high": float((easy < high).mean()),
    }
    return Calibration(low, high, how)
