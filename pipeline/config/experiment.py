"""An experiment: every section, each from the package that owns it, and what must hold between them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.accounting.params import AccountingParams
from pipeline.base.sections import Section
from pipeline.config.expectation import Expectation
from pipeline.data.params import DataParams
from pipeline.encoding.params import EncodingParams
from pipeline.inference.params import InferenceParams
from pipeline.network.params import BlockParams, MaxPoolLayer, NetworkParams, PoolLayer
from pipeline.neuron.params import NeuronParams
from pipeline.partition.params import PartitionParams
from pipeline.training.params import BaselinesParams, ComputeParams, FeatureParams, HcdParams, TrainingParams


class Params(Section):
    """Everything in params.yaml."""

    experiment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """The name under which reports and the ledger know the run."""
    seed: Annotated[int, Field(ge=0)]
    """Every random generator is named by it and by its purpose: splits, noise, initial weights, order, dropout."""
    data: DataParams
    encoding: EncodingParams
    neuron: NeuronParams
    network: NetworkParams
    blocks: Annotated[dict[str, BlockParams], Field(min_length=1)]
    deepest: str
    """The key of the last block, which DVC's templates cannot find out by themselves."""
    training: TrainingParams
    baselines: BaselinesParams
    features: FeatureParams
    hcd: HcdParams
    partition: PartitionParams
    inference: InferenceParams
    accounting: AccountingParams
    compute: ComputeParams
    expectations: list[Expectation] = Field(default=[])

    @model_validator(mode="after")
    def _blocks_are_a_chain(self) -> Params:
        for position, (key, block) in enumerate(self.blocks.items(), start=1):
            wanted = (f"b{position}", f"b{position - 1}")
            if (key, block.prev) != wanted:
                raise ValueError(
                    f"blocks: entry {position} is {key} with prev {block.prev}; it must be {wanted[0]} with prev {wanted[1]} "
                    "(text keys in order, b1, b2, ...)"
                )
            earlier = [f"b{number}" for number in range(1, position - 1)]
            for source in block.residual:
                if source not in earlier or block.residual.count(source) > 1:
                    there = ", ".join(earlier) or "none"
                    raise ValueError(
                        f"blocks.{key}.residual names {source}; it must name blocks before {block.prev}, each once: {there}"
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
                pools = isinstance(layer, PoolLayer | MaxPoolLayer)
                shrink = layer.size if isinstance(layer, PoolLayer | MaxPoolLayer) else layer.stride
                if size < shrink:
                    raise ValueError(
                        f"blocks.{key}: its {layer.kind} layer divides the image by {shrink} but only {size}x{size} is left "
                        f"of data.image_size {self.data.image_size}; remove blocks or strides, or use larger images"
                    )
                size = size // shrink if pools else -(-size // shrink)
                if isinstance(layer, PoolLayer) and self.neuron.levels > 1:
                    raise ValueError(
                        f"blocks.{key}: neurons of a pool layer fire once a step, but neuron.levels is {self.neuron.levels}; use "
                        "kind: max_pool"
                    )
            left = size
            for convolution in block.head:
                left = -(-left // convolution.stride)
            if left < block.readout_pool:
                raise ValueError(
                    f"blocks.{key}.readout_pool is {block.readout_pool} but the block's {'head' if block.head else 'output'} has "
                    f"{left}x{left} pixels; make it smaller"
                )
        return self

    @model_validator(mode="after")
    def _nothing_is_picked_on_training_images(self) -> Params:
        if not self.data.split.held_out and (self.partition.source != "test" or self.baselines.trained):
            raise ValueError(
                "data.split.held_out is false, so validation images are trained on: hard classes cannot be picked on them, and "
                "baselines cannot train on both; write partition.source: test and baselines.trained: []"
            )
        if not self.data.split.held_out and self.inference.steps is not None:
            raise ValueError(
                "data.split.held_out is false, so validation images are trained on: exits in time cannot be chosen on them; "
                "write inference.steps: null"
            )
        return self

    @model_validator(mode="after")
    def _a_threshold_per_block(self) -> Params:
        theta_conf = self.inference.theta_conf
        if isinstance(theta_conf, list) and len(theta_conf) != len(self.blocks):
            raise ValueError(
                f"inference.theta_conf has {len(theta_conf)} values for {len(self.blocks)} blocks; give one number or as many"
            )
        return self

    @model_validator(mode="after")
    def _steps_before_the_last(self) -> Params:
        every = self.encoding.time_steps
        for name, steps in (("inference.steps", self.inference.steps), ("training.loss_steps", self.training.loss_steps)):
            if steps is not None and (steps[-1] > every or steps[0] == every):
                raise ValueError(
                    f"{name} {steps}: at least one must be below encoding.time_steps {every}, and none above; correct them"
                )
        return self
