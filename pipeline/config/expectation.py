"""The section `expectations`: the numbers that a run must reproduce, which `validate` checks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.base.sections import Finite, Section


class Expectation(Section):
    """A published number must lie in [min, max]."""

    metric: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]
    """Dotted path into reports/summary.json."""
    min: Finite | None = None
    """Lower end of the band; none where it is open."""
    max: Finite | None = None
    """Upper end of the band; none where it is open."""
    source: Annotated[str, Field(min_length=1)]
    """Where the band comes from."""

    @model_validator(mode="after")
    def _has_band(self) -> Expectation:
        if self.min is None and self.max is None:
            raise ValueError("an expectation needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self
