"""What every stage reads that trains a network or runs one over a split."""

from typing import Any

from pipeline.network.params import NetworkParams
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import ComputeParams, FeatureParams, TrainingParams

NETWORK: dict[str, Any] = {
    "seed": int,
    "neuron": NeuronParams,
    "network": NetworkParams,
    "training": TrainingParams,
    "features": FeatureParams,
    "compute": ComputeParams,
}
