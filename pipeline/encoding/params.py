"""The section `encoding`: how images become spike trains (section 5.1), or go in as they are."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.base.sections import Section


class EncodingParams(Section):
    """How images enter the network: by Poisson rate coding, where each pixel fires at a rate in proportion to its normalised
    intensity, or as they are."""

    kind: Literal["poisson", "direct"] = "poisson"
    """poisson: random spikes. direct: the first convolution receives the normalised image itself, the same at every step
    (Rueckauer et al. 2017, doi 10.3389/fnins.2017.00682). Paper: poisson."""

    time_steps: Annotated[int, Field(ge=1, le=1000)]
    """Length of a spike train. Unit: steps of 1 ms. Paper: 100."""
    max_rate_hz: Annotated[float, Field(gt=0.0, le=1000.0)] = 1000.0
    """Rate at the largest normalised intensity of the training images. Unit: Hz. Paper: 1000, one spike per step."""
