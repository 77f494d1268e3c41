"""Every figure of the reports, by file name."""

from collections.abc import Callable
from pathlib import Path

from pipeline.base.files import write_json
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import RESULTS, Reference, section_of
from pipeline.reporting.figures import cost, partition, plot, time
from pipeline.reporting.figures.curves import training_curves
from pipeline.reporting.figures.experiments import experiments
from pipeline.reporting.figures.plot import Drawn

CAPTIONS = "captions.json"
FIGURES: dict[str, Callable[[Facts, Reference], Drawn]] = {
    "figure_4": partition.figure_4,
    "figure_5a": cost.figure_5a,
    "figure_5b": cost.figure_5b,
    "figure_5c": cost.figure_5c,
    "figure_6a": cost.figure_6a,
    "figure_6b": cost.figure_6b,
    "figure_7": partition.figure_7,
    "figure_9": partition.figure_9,
    "figure_10a": time.figure_10a,
    "figure_10c": partition.figure_10c,
    "figure_11a": time.figure_11a,
    "figure_11b": time.figure_11b,
    "training_curves": training_curves,
}


def draw_figures(facts: Facts, folder: Path) -> None:
    """Write each figure as PNG and SVG into `folder`, and captions.json: `caption` and `alt` of each.

    The paper's values are drawn where the run is on its data: beside others they would be compared with what they do not measure.
    `experiments`, the trade-off of this run beside the ledger's, is drawn only where the ledger holds another experiment.
    """
    scale = facts.own.scale
    section = section_of(scale.family, scale.dataset)
    paper = Reference(section if section and scale.dataset == RESULTS[section][0] else None)
    texts = {}
    with plot.style():
        drawings = {name: draw(facts, paper) for name, draw in FIGURES.items()}
        if facts.others:
            drawings["experiments"] = experiments(facts, Reference(section))
        for name, drawn in drawings.items():
            plot.save(folder, name, drawn)
            texts[name] = {"caption": drawn.caption, "alt": drawn.alt}
    write_json(folder / CAPTIONS, texts)
