"""Fast inference (Algorithm 3): exits, the theta_conf sweep, agreement of runner and replay, operations, latency."""

from pipeline.inference.steps import infer_step
from stages.command import run_stage

if __name__ == "__main__":
    run_stage(infer_step, __doc__ or "")
