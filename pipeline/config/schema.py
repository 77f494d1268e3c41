"""The parameters as typed classes. An unknown key is an error; nothing is converted silently.

Each section is one step of the pipeline. Choices that the paper leaves open are explained in docs/assumptions.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Stride = Annotated[int, Field(ge=1, le=2)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SplitParams(Section):
    """Images per split. Where the source has a test set of its own, `test` images are drawn from it."""

    train: Count
    validation: Count
    test: Count


class DataParams(Section):
    source: Literal["digits", "cifar10", "cifar100", "image_folder"]
    path: str | None = None
    image_size: Annotated[int, Field(ge=1, le=1024)]
    split: SplitParams

    @model_validator(mode="after")
    def _folder_has_path(self) -> DataParams:
        if self.source == "image_folder" and not self.path:
            raise ValueError("source image_folder needs data.path, a folder or a zip with train/<class>/ and test/<class>/")
        return self


class EncodingParams(Section):
    """Section 5.1: `time_steps` of 1 ms; the largest normalised intensity fires at `max_rate_hz`."""

    time_steps: Annotated[int, Field(ge=1, le=1000)]
    max_rate_hz: Annotated[float, Field(gt=0.0, le=1000.0)] = 1000.0


class NeuronParams(Section):
    """Equations 1 and 3: leak alpha, firing threshold v, dampening factor gamma, and the order of the step."""

    leak: Annotated[float, Field(gt=0.0, le=1.0)]
    threshold: Positive
    damping: Annotated[float, Field(gt=0.0, lt=1.0)]
    delay: Annotated[int, Field(ge=0, le=1)]  # not a Literal, which would take true for 1


class NetworkParams(Section):
    shortcuts: bool
    init_gain: Positive


class ConvLayer(Section):
    """3x3 convolution and LIF neurons."""

    kind: Literal["conv"]
    channels: Count
    stride: Stride = 1


class PoolLayer(Section):
    """Average pooling into integrate-and-fire neurons."""

    kind: Literal["pool"]
    size: Annotated[int, Field(ge=2)]


class ResidualLayer(Section):
    """conv3x3, LIF, conv3x3 (stride) plus a 1x1 shortcut, LIF."""

    kind: Literal["residual"]
    channels: Count
    stride: Stride = 1


Layer = Annotated[ConvLayer | PoolLayer | ResidualLayer, Field(discriminator="kind")]


class BlockParams(Section):
    """One block. `prev` and `prev2` name the one and two before it, b0 (the encoder) at the lower end."""

    prev: str
    prev2: str
    layers: Annotated[list[Layer], Field(min_length=1)]
    hidden: Annotated[int, Field(ge=0)]
    learning_rate: Positive
    threshold: Positive | None = None


class TrainingParams(Section):
    """`dropout`: share, to 1/256, of the spikes into each classifier that every image loses in training."""

    epochs: Count
    batch_size: Count
    schedule: Literal["constant", "cosine"]
    end_to_end_learning_rate: Positive
    augmentation: Literal["none", "flip", "crop_flip"] = "none"
    dropout: Annotated[float, Field(ge=0.0, le=0.9)] = 0.0


class FeatureParams(Section):
    """Spikes of the frozen earlier blocks: fresh noise every epoch, or `realisations` cached ones in turn."""

    mode: Literal["cached", "recompute"]
    realisations: Count = 1


class HcdParams(Section):
    """`keep_hard`: share of validation images of hard classes that theta_high must let through to the next block;
    `spare_hard`: share of them that theta_low must leave unrefined."""

    joint: bool
    keep_hard: Annotated[float, Field(gt=0.0, le=1.0)]
    spare_hard: Annotated[float, Field(gt=0.0, le=1.0)]

    @model_validator(mode="after")
    def _ordered(self) -> HcdParams:
        if self.spare_hard < self.keep_hard:
            raise ValueError(
                f"spare_hard {self.spare_hard} is below keep_hard {self.keep_hard}: theta_low would exceed theta_high; raise it"
            )
        return self


class ThresholdParams(Section):
    """The hardness threshold: `value` itself, or mean + value * standard deviation of the class accuracies."""

    mode: Literal["absolute", "relative"]
    value: Finite

    @model_validator(mode="after")
    def _in_range(self) -> ThresholdParams:
        if self.mode == "absolute" and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"an absolute hardness threshold is an accuracy from 0 to 1, not {self.value}; 95.5% is 0.955")
        if self.mode == "relative" and not -3.0 <= self.value <= 3.0:
            raise ValueError(f"a relative hardness threshold counts standard deviations, from -3 to 3, not {self.value}")
        return self


class PartitionParams(Section):
    metric: Literal["one_vs_rest", "recall"]
    threshold: ThresholdParams
    theta_conf: Probability = 1.0
    source: Literal["validation", "test"] = "validation"
    target_accuracy: Probability | None = None
    no_hard_class: Literal["error", "stop"] = "error"
    no_easy_class: Literal["error", "continue"] = "error"


class InferenceParams(Section):
    """theta_conf of Algorithm 3, and the values of the trade-off sweep."""

    theta_conf: Probability
    sweep: Annotated[list[Probability], Field(min_length=1)]
    sample_images: Count = 256
    latency_repeats: Count = 3


class ComputeParams(Section):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: Count = 1
    precision: Literal["32", "bf16"] = "32"
    micro_batch: Count = 16
    threads: Annotated[int, Field(ge=0)] = 0
    kernel: Literal["auto", "reference", "lean", "fused", "events"] = "auto"


class Expectation(Section):
    """A published number must lie in [min, max]; `metric` is a dotted path into reports/summary.json."""

    metric: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]
    min: Finite | None = None
    max: Finite | None = None
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _has_band(self) -> Expectation:
        if self.min is None and self.max is None:
            raise ValueError("an expectation needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Params(Section):
    experiment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    seed: Annotated[int, Field(ge=0)]
    data: DataParams
    encoding: EncodingParams
    neuron: NeuronParams
    network: NetworkParams
    blocks: Annotated[dict[str, BlockParams], Field(min_length=1)]
    deepest: str
    training: TrainingParams
    features: FeatureParams
    hcd: HcdParams
    partition: PartitionParams
    inference: InferenceParams
    compute: ComputeParams
    expectations: list[Expectation] = []

    @model_validator(mode="after")
    def _blocks_are_a_chain(self) -> Params:
        for position, (key, block) in enumerate(self.blocks.items(), start=1):
            wanted = (f"b{position}", f"b{position - 1}", f"b{max(position - 2, 0)}")
            if (key, block.prev, block.prev2) != wanted:
                raise ValueError(
                    f"blocks: entry {position} is {key} with prev {block.prev} and prev2 {block.prev2}; it must be "
                    f"{wanted[0]} with prev {wanted[1]} and prev2 {wanted[2]} (text keys in order, b1, b2, ...)"
                )
        last = f"b{len(self.blocks)}"
        if self.deepest != last:
            raise ValueError(f"deepest is {self.deepest} but the last of the blocks is {last}; write deepest: {last}")
        return self

    @model_validator(mode="after")
    def _layers_fit_the_image(self) -> Params:
        size = self.data.image_size
        for key, block in self.blocks.items():
            for layer in block.layers:
                shrink = layer.size if isinstance(layer, PoolLayer) else layer.stride
                if size < shrink:
                    raise ValueError(
                        f"blocks.{key}: its {layer.kind} layer divides the image by {shrink} but only {size}x{size} is left "
                        f"of data.image_size {self.data.image_size}; remove blocks or strides, or use larger images"
                    )
                size = -(-size // shrink) if not isinstance(layer, PoolLayer) else size // shrink
        return self

    def index_of(self, key: str) -> int:
        """1-based position of a block; raises KeyError for a key that is not one of `blocks`."""
        return list(self.blocks).index(key) + 1 if key in self.blocks else _unknown(key, self.blocks)

    def chain_to(self, key: str) -> list[str]:
        """The keys of the blocks from b1 up to and including `key`."""
        return list(self.blocks)[: self.index_of(key)]


def _unknown(key: str, blocks: dict[str, BlockParams]) -> int:
    raise KeyError(f"{key} is not one of the blocks {', '.join(blocks)}")
