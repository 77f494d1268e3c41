"""The section `accounting`: what is counted."""

from __future__ import annotations

from pipeline.base.sections import Count, Section


class AccountingParams(Section):
    """What training memory is counted for."""

    memory_images: Count = 1
    """Images whose potentials and spikes are counted, beside those of a mini-batch. Paper: not said; blocks come out in its order
    for one or two images only."""
