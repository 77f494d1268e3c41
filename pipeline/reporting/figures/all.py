"""Every figure of the reports, by file name."""

from collections.abc import Callable
from pathlib import Path

from pipeline.analysis import plot
from pipeline.base.files import write_json
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import RESULTS, Reference, section_of
from pipeline.reporting.figures import anytime, cost, curves, partition
from pipeline.reporting.health import trainings

CAPTIONS = "captions.json"
DRAWN: tuple[Callable[[Facts, Reference], plot.Drawn], ...] = (
    partition.figure_4, cost.figure_5a, cost.figure_5b, cost.figure_5c, cost.figure_6a, cost.figure_6b, partition.figure_7,
    partition.figure_9, cost.figure_10a, partition.figure_10c, cost.figure_11a, cost.figure_11b, curves.training_curves,
)  # fmt: skip
"""The figures of one run. A function gives its file its name, and its docstring is the caption."""
NEEDS = {"figure_10a": "bloctrain_base", "figure_10c": "bloctrain_base", "figure_11a": "end_to_end"}
"""The baseline that a figure compares with: without it there is nothing to draw."""
TIMED = ("figure_5c", "figure_10a", "figure_11a")
"""Figures of training times: left out where those cannot be compared."""
PANELS = {"cifar100_resnet11": {"figure_10a": "figure_10b", "figure_10c": "figure_10d"}}
"""The paper's own panels of a network, where they are not those of ResNet-9."""


def draw_figures(facts: Facts, folder: Path) -> None:
    """Write each figure as PNG and SVG into `folder`, and captions.json: `caption` and `alt` of each.

    The paper's values are drawn where the run is on its data: beside others they would be compared with what they do not measure.
    `experiments`, the trade-off of this run beside the ledger's, is drawn only where the ledger holds another experiment.
    """
    scale = facts.own.scale
    section = section_of(scale.family, scale.dataset)
    paper = Reference(section if section and scale.dataset == RESULTS[section][0] else None)
    drawn_here = [
        draw for draw in DRAWN
        if NEEDS.get(draw.__name__, "bloctrain") in facts.results.methods and (facts.timed or draw.__name__ not in TIMED)
    ]  # fmt: skip
    if any(training.rates for training in trainings(facts.results)):
        drawn_here.append(curves.spike_rates)
    if facts.results.policies:
        drawn_here.append(anytime.anytime)
    drawings = [(draw, paper) for draw in drawn_here] + [(curves.experiments, Reference(section))] * bool(facts.others)
    texts = {}
    with plot.style():
        for draw, beside in drawings:
            drawn, name = draw(facts, beside), PANELS.get(paper.section or "", {}).get(draw.__name__, draw.__name__)
            plot.save(folder, name, drawn)
            texts[name] = {"caption": drawn.caption(draw), "alt": drawn.alt}
    write_json(folder / CAPTIONS, texts)
