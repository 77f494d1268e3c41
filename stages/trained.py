"""What a stage reads and needs to run the trained networks of a run."""

from typing import Any

from pipeline.inference.params import InferenceParams
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import BaselinesParams, ComputeParams, FeatureParams, HcdParams

SECTIONS: dict[str, Any] = {
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
}
FILES = (
    "data/prepared",
    "runs/b0/encoder.json",
    "runs/b0/features",
    "runs/b0/next.json",
    "runs/${deepest}/manifest.json",
)
