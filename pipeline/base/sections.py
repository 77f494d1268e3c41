"""Sections of parameters: the base class that each package derives its own from, and common ranges.

An unknown key is an error; nothing is converted silently. The docstring below a field is its documentation: what it does,
then, where there is something to say, `Unit:` and `Paper:` (what the paper uses). docs/parameters.md is made of them.
"""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


def _rising(steps: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ValueError("each must be larger than the one before; sort them")
    return steps


Steps = Annotated[list[Count], Field(min_length=1), AfterValidator(_rising)]
"""Numbers of time steps."""


class Section(BaseModel):
    """One section of params.yaml, or a part of one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
