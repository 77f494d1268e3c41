"""What every reporting stage reads and needs: all parameters but the expectations, and the results of a run."""

from typing import Any

from pipeline.config import Params

EVERYTHING: dict[str, Any] = {name: Any for name in Params.model_fields if name != "expectations"}
RESULTS = (
    "data/prepared",
    "runs/b0/groups.json",
    "runs/b0/next.json",
    "runs/${deepest}/manifest.json",
    "runs/exits_test.npz",
    "runs/exits_base_test.npz",
    "runs/accuracy_by_depth.csv",
    "runs/training_time.csv",
    "runs/latency.json",
    "runs/accounting",
    "runs/anytime",
    "reports/published",
)
