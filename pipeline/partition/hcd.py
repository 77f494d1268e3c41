"""The hard class detector: its weights, trained jointly or separately, and the calibration of its two thresholds."""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pipeline.training.params import HcdParams


def fit_separate(summary: np.ndarray, is_hard: np.ndarray) -> np.ndarray:
    """Weights float32 `[N]` of a logistic unit without bias on readout summaries `[n, N]`: the sigmoid cross-entropy of
    Algorithm 2 minimised for the HCD unit alone, with scikit-learn's default L2 penalty, which keeps the weights finite
    where the two kinds are separable. Zeros where all images are of one kind."""
    if is_hard.all() or not is_hard.any():
        return np.zeros(summary.shape[1], dtype=np.float32)
    scale = max(float(summary.max()), 1e-12)
    unit = LogisticRegression(fit_intercept=False, max_iter=1000)
    unit.fit((summary / scale).astype(np.float64), is_hard)
    return (unit.coef_[0] / scale).astype(np.float32)


def calibrate(hcd_logit: np.ndarray, is_hard: np.ndarray, params: HcdParams) -> dict:
    """theta_high and theta_low from validation images of the block's classes.

    theta_high is the largest value that at least `keep_hard` of the hard images reach, so no more than the rest of them
    leave on the HCD's word; theta_low the same for `spare_hard`. Where one of the two kinds is absent both are 0: the
    HCD then never decides.
    """
    how = {"keep_hard": params.keep_hard, "spare_hard": params.spare_hard, "images": "validation"}
    if is_hard.all() or not is_hard.any():
        return {"theta_low": 0.0, "theta_high": 0.0, "chosen": how | {"note": "only one kind of class, the HCD decides nothing"}}
    hard = np.sort(expit(hcd_logit[is_hard].astype(np.float32)))

    def reached_by(share: float) -> float:
        return float(hard[len(hard) - int(np.ceil(share * len(hard)))])

    low, high = reached_by(params.spare_hard), reached_by(params.keep_hard)
    easy = expit(hcd_logit[~is_hard].astype(np.float32))
    how |= {
        "hard_images_below_theta_high": float((hard < high).mean()),
        "easy_images_below_theta_high": float((easy < high).mean()),
    }
    return {"theta_low": low, "theta_high": high, "chosen": how}
