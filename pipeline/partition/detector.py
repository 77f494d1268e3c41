"""The weights of a hard class detector that is trained apart from its block."""

import numpy as np
from sklearn.linear_model import LogisticRegression


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
