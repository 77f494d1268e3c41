"""Fast inference (Algorithm 3): exits, the theta_conf sweep, agreement of runner and replay, operations, latency."""

from pipeline.inference.infer_stage import infer_stage
from pipeline.inference.params import InferenceParams
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import BaselinesParams, ComputeParams, FeatureParams, HcdParams
from stages.stage import Stage

STAGE = Stage(
    reads={
        "seed": int,
        "neuron": NeuronParams,
        "network": NetworkParams,
        "blocks": BlockParams,
        "deepest": str,
        "features": FeatureParams,
        "compute": ComputeParams,
        "hcd.joint": HcdParams,
        "baselines.trained": BaselinesParams,
        "inference": InferenceParams,
    },
    needs=[
        "data/prepared",
        "runs/b0/encoder.json",
        "runs/b0/features",
        "runs/b0/next.json",
        "runs/${deepest}/manifest.json",
    ],
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
