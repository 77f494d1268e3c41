"""Exits in time as well as in depth, where inference.steps asks for them: runs/anytime/."""

from pipeline.anytime.anytime_stage import anytime_stage
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
    outs=["runs/anytime"],
)

if __name__ == "__main__":
    STAGE.run(anytime_stage, __doc__)
