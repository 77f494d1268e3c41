"""Fast inference (Algorithm 3): exits, the theta_conf sweep, agreement of runner and replay, operations, latency."""

from pipeline.inference.infer_stage import infer_stage
from stages.stage import Stage
from stages.trained import FILES, SECTIONS

STAGE = Stage(
    reads=SECTIONS,
    needs=FILES,
    outs=[
        "runs/exits_validation.npz",
        "runs/exits_test.npz",
        "runs/exits_base_test.npz",
        "runs/sweep.csv",
        "runs/accuracy_by_depth.csv",
        "runs/agreement.json",
        "runs/synaptic_operations.npz",
        "runs/latency.json",
    ],
)

if __name__ == "__main__":
    STAGE.run(infer_stage, __doc__)
