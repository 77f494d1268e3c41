"""The section `partition`: which classes are hard (sections 4.1 and 6.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.base.sections import Finite, Probability, Section


class ThresholdParams(Section):
    """The hardness threshold. A class whose accuracy is at or below it is hard."""

    mode: Literal["absolute", "relative"]
    """absolute: `value` is the threshold. relative: it is mean + value * standard deviation of the class accuracies.
    Paper: both; relative in section 6.1."""
    value: Finite
    """An accuracy from 0 to 1, or a number of standard deviations from -3 to 3. Paper: 0.955 on CIFAR-10, which is about
    mean - std; mean, mean + 0.5 std and mean + std on CIFAR-100."""

    @model_validator(mode="after")
    def _in_range(self) -> ThresholdParams:
        if self.mode == "absolute" and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"an absolute hardness threshold is an accuracy from 0 to 1, not {self.value}; 95.5% is 0.955")
        if self.mode == "relative" and not -3.0 <= self.value <= 3.0:
            raise ValueError(f"a relative hardness threshold counts standard deviations, from -3 to 3, not {self.value}")
        return self


class PartitionParams(Section):
    """Algorithm 1's choice of hard classes after each block."""

    metric: Literal["one_vs_rest", "recall"]
    """Class-wise accuracy: the share of all images rightly put inside or outside the class, or of the class's own images that
    are right. Paper: not said; its CIFAR-10 numbers fit one_vs_rest."""
    threshold: ThresholdParams
    theta_conf: Probability = 1.0
    """Confidence threshold of Algorithm 3 while the partition is made; inference has its own. Paper: 1."""
    earlier_logits: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """A block multiplies the sum of logits so far by this before it adds its own, class by class, here and at inference, also
    of BlocTrain-base. So the logits of block 1 count by the square of it at block 3; 0: a block decides by its own. Paper: 1."""
    source: Literal["validation", "test"] = "validation"
    """Images that the class accuracies are measured on. Paper: validation; the test set for VGG-16, which is a leak."""
    target_accuracy: Probability | None = None
    """No deeper block is built once the accuracy of the network so far reaches this."""
    no_hard_class: Literal["error", "stop"] = "error"
    """Where no class is hard after block 1: stop the run, or build no deeper block."""
    no_easy_class: Literal["error", "continue"] = "error"
    """Where every class is hard after block 1: stop the run, or go on with a detector that decides nothing."""
