"""The section `inference`: early exit (Algorithm 3) and what is measured of it."""

from typing import Annotated

from pydantic import Field

from pipeline.base.sections import Count, Probability, Section, Steps


class InferenceParams(Section):
    """When an image leaves, and how exits are measured."""

    theta_conf: Probability | Annotated[list[Probability], Field(min_length=1)]
    """An image leaves at a block whose largest class probability is at least this: one number for all blocks, or one per
    block. 1 means that the probability rounds to 1. Paper: 1 for ResNet-9, 0.9999 for ResNet-11."""
    sweep: Annotated[list[Probability], Field(min_length=1)]
    """Values of theta_conf for the table and the figures of accuracy against cost. Paper: 1 - 10^-2 to 1 - 10^-6."""
    sample_images: Count = 256
    """Test images that latency and synaptic operations are measured on."""
    latency_repeats: Count = 3
    """Measurements of latency, of which the median counts."""
    steps: Steps | None = None
    """Numbers of time steps after which an image may leave, as well as after all of them. The policy is chosen on validation
    images, and predictions leave by it. null: after all steps alone. Paper: null."""
    points_lost: Annotated[float, Field(ge=0.0, le=100.0)] = 0.5
    """Points of validation accuracy that exits in time may lose against all blocks and steps. Unit: percentage points."""


def thresholds(theta_conf: float | list[float], blocks: int) -> list[float]:
    """theta_conf of each of the first `blocks` blocks."""
    return [theta_conf] * blocks if isinstance(theta_conf, int | float) else list(theta_conf[:blocks])
