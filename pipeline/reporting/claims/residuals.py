"""Do residual connections help? Two experiments, in force or published, that differ in the shortcuts alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis.noise import Spread, accuracy_noise
from pipeline.analysis.table import NAMES
from pipeline.base.folders import METHODS
from pipeline.reporting.claims.facts import pooled
from pipeline.reporting.ledger.entry import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, Entry, Finding

FREE = ("experiment", "expectations", "network", "data.source", "data.path")
"""Parameters in which the two experiments may differ; where the images were read from does not matter, the data set does. With
the network that includes the gain of the initial weights: shortcuts add to a layer's input, so without them deep layers need a
larger gain to spike at all."""


def residual_pairs(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """(with shortcuts, without) for all experiments that differ in nothing else."""
    return [
        (first, second)
        for first in entries
        for second in entries
        if first.scale.shortcuts and not second.scale.shortcuts and first.scale.dataset == second.scale.dataset
        if same_parameters(first.parameters, second.parameters)
    ]


def same_parameters(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two recorded mappings agree in all but FREE.

    They are compared as data. A parameter that one of them lacks was added since, so the other must have it switched off: null,
    zero, false, empty or none.
    """
    ours, theirs = (_flat(parameters, "") for parameters in (first, second))
    return all(ours.get(name, "none") == theirs.get(name, "none") for name in ours.keys() | theirs.keys())


def _flat(content: Any, prefix: str) -> dict[str, Any]:
    """Dotted names and values, without FREE; whatever is switched off reads `none`."""
    if prefix in FREE:
        return {}
    if isinstance(content, Mapping) or (isinstance(content, list) and content):
        items = content.items() if isinstance(content, Mapping) else enumerate(content)
        return {n: v for key, item in items for n, v in _flat(item, f"{prefix}.{key}".removeprefix(".")).items()}
    return {prefix: content or "none"}


def compare_residuals(residual: Entry, plain: Entry, entries: Sequence[Entry], spreads: Mapping[str, Spread]) -> Finding:
    """BlocTrain at full depth decides; the other methods are named beside it. `entries`: all experiments on this data, whose
    pairs of trainings say how much trainings vary, unless `spreads` of the residual one do."""
    pairs = {method: [float(entry.summary["accuracy"][method]) for entry in (plain, residual)] for method in METHODS}
    text = "; ".join(f"{NAMES[m]} {100 * a:.2f} % without, {100 * b:.2f} % with" for m, (a, b) in pairs.items())
    before, after = pairs["bloctrain"]
    noise = accuracy_noise(before, after, residual.scale.test_images, pooled(spreads, entries))
    words = f"BlocTrain is more accurate with shortcuts than without (init_gain {plain.scale.init_gain:g} and "
    words += f"{residual.scale.init_gain:g})"
    if abs(after - before) <= noise:
        return Finding(text, NOT_TESTABLE, f"{words}: within the noise of {100 * noise:.2f} points", pairs)
    if after > before:
        return Finding(text, DIRECTION, f"holds: {words}", pairs)
    return Finding(text, NOT_REPRODUCED, f"does not hold: {words}", pairs)
