"""The section `neuron`: the leaky integrate-and-fire neurons of equations 1 and 3."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.base.sections import Positive, Section


class NeuronParams(Section):
    """One kind of neuron in the whole network; a block may have a threshold of its own."""

    leak: Annotated[float, Field(gt=0.0, le=1.0)]
    """alpha of equation 1: the share of its potential that a neuron keeps per step."""
    threshold: Positive
    """v of equation 1: the potential at which a neuron fires, and what a spike takes off it. Paper: 1 (block 4 of VGG-16:
    tuned, not stated)."""
    damping: Annotated[float, Field(gt=0.0, lt=1.0)]
    """gamma of equation 3: height of the surrogate gradient. Paper: below 1; Bellec et al. 2018, whom it cites, take 0.3."""
    delay: Annotated[int, Field(ge=0, le=1)]  # not a Literal, which would take true for 1
    """1: a neuron fires before the step's input arrives, so each layer delays by a step, as in the paper's equation. 0: it
    integrates first, which keeps deep layers from starving where steps are few. Unit: steps. Paper: 1."""
    levels: Annotated[int, Field(ge=1, le=127)] = 1
    """The most spikes that a neuron fires in one step. Above 1: integer neurons (`pipeline.neuron.integer`), whose step is as
    many binary steps at inference. Paper: 1."""

    @model_validator(mode="after")
    def _counts_are_sent_at_once(self) -> NeuronParams:
        if self.levels > 1 and self.delay:
            raise ValueError(f"levels is {self.levels} but delay is 1; neurons that fire several times a step need delay: 0")
        return self
