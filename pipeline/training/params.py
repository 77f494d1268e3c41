"""The sections `training`, `baselines`, `features`, `compute` and `hcd`: how networks are trained, and on what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from pipeline.base.sections import Count, Positive, Section, Steps
from pipeline.network.params import NetworkSections


class TrainingParams(Section):
    """Mini-batch training, the same for all networks."""

    epochs: Count
    """Passes over the training images. Paper: 125."""
    batch_size: Count
    """Images per step of the optimiser. Paper: 64."""
    schedule: Literal["constant", "cosine", "one_cycle"]
    """Of the learning rate: constant; cosine over the epochs; one_cycle, step by step up to the rate in the first fifth and down
    again (Smith and Topin 2018, arXiv:1708.07120). Paper: constant, as far as it says."""
    augmentation: Literal["none", "flip", "crop_flip", "shift_turns"] = "none"
    """flip mirrors half of the training images, crop_flip crops all of them as well. shift_turns moves them by up to two pixels
    and mirrors each in every second epoch. Paper: none mentioned."""
    dropout: Annotated[float, Field(ge=0.0, le=0.9)] = 0.0
    """Share, to 1/256, of the spikes into each classifier that every image loses in training. Paper: none mentioned."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """sgd has Nesterov momentum of 0.9. Paper: Adam."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Of all weights but those of normalisations, as the optimiser defines it. Paper: none mentioned."""
    readout_rate: Positive = 1.0
    """Factor on the learning rate of readouts, and of detectors that are trained with their block. They sum up the spikes of
    thousands of neurons, so that SGD at the rate of the convolutions moves their potentials too far at once. Paper: 1, the same
    rate."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567). Paper: none mentioned."""
    loss_steps: Steps | None = None
    """Numbers of time steps after which the class loss is taken, as well as after all of them; their mean is trained (Deng et al.
    2022, arXiv:2202.11946, at every step). Meant for exits in time (docs/results.md says what it brings). null: after all steps
    alone. Paper: null."""


class BaselinesParams(Section):
    """The two methods that BlocTrain is compared with."""

    trained: list[Literal["bloctrain_base", "end_to_end"]] = Field(default=["bloctrain_base", "end_to_end"])
    """Which of them are trained; of the others the reports say nothing. Paper: both, for VGG-16 neither."""
    end_to_end_learning_rate: Positive
    """Of the optimiser, for networks trained end to end. Paper: 1e-4."""
    end_to_end_at: Literal["every_depth", "full_depth"] = "every_depth"
    """Which networks are trained end to end: one up to each block, or the deepest alone. Paper: every depth."""

    def end_to_end(self, key: str, keys: Iterable[str]) -> bool:
        """Whether the network up to block `key` of `keys` is trained end to end."""
        return "end_to_end" in self.trained and (self.end_to_end_at == "every_depth" or key == list(keys)[-1])


class FeatureParams(Section):
    """Spikes of the frozen earlier blocks, which a block trains on."""

    mode: Literal["cached", "recompute"]
    """recompute: fresh noise every epoch, sent through the earlier blocks again. cached: stored once. Paper: recompute."""
    realisations: Count = 1
    """With cached features: how many realisations of the noise are stored and used in turns."""


class HcdParams(Section):
    """The hard class detector, and how its two thresholds are chosen."""

    joint: bool
    """true: trained with its block, as in the paper's loss, so a new partition retrains the block behind it. false: trained
    after its block, so it does not. Paper: true."""
    keep_hard: Annotated[float, Field(gt=0.0, le=1.0)]
    """Share of the validation images of hard classes that theta_high must let through to the next block."""
    spare_hard: Annotated[float, Field(gt=0.0, le=1.0)]
    """Share of them that theta_low must leave unrefined; at least keep_hard."""

    @model_validator(mode="after")
    def _ordered(self) -> HcdParams:
        if self.spare_hard < self.keep_hard:
            raise ValueError(
                f"spare_hard {self.spare_hard} is below keep_hard {self.keep_hard}: theta_low would exceed theta_high; raise it"
            )
        return self


class ComputeParams(Section):
    """Where and how networks run. Results differ by rounding alone, unless the engine says otherwise."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is some."""
    devices: Count = 1
    """Processes of one machine that train together, each on a device of its own."""
    nodes: Count = 1
    """Machines that train together, on one shared file system. Each starts the same stage: by srun, by torchrun, or with
    NODE_RANK, MASTER_ADDR and MASTER_PORT in its environment."""
    precision: Literal["32", "bf16"] = "32"
    """Of spikes and gradients between layers; potentials and readouts are float32 either way."""
    micro_batch: Count = 16
    """Images that go through the network together; the gradients of a mini-batch's micro-batches add up."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Of one process on CPUs; 0 takes all cores."""
    kernel: Literal["auto", "reference", "lean", "fused", "events", "triton"] = "auto"
    """The engine that computes synapses and neurons; auto takes the fastest that is exact enough for the precision."""


class TrainingSections(NetworkSections, Protocol):
    """The sections that a training and a forward pass read."""

    training: TrainingParams
    features: FeatureParams
    hcd: HcdParams
    compute: ComputeParams
    baselines: BaselinesParams
