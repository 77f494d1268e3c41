"""Every figure of the reports, by file name."""

from collections.abc import Callable
from pathlib import Path

from pipeline.base.files import write_json
from pipeline.layout import REPORTS
from pipeline.reporting import figure_cost, figure_partition, figure_time
from pipeline.reporting.facts import Facts
from pipeline.reporting.figure_curves import training_curves
from pipeline.reporting.figure_experiments import experiments
from pipeline.reporting.plot import Drawn, save, style
from pipeline.reporting.scale import Reference, same_data, section_of

FOLDER = REPORTS / "figures"
CAPTIONS = "captions.json"
FIGURES: dict[str, Callable[[Facts, Reference], Drawn]] = {
    "figure_4": figure_partition.figure_4,
    "figure_5a": figure_cost.figure_5a,
    "figure_5b": figure_cost.figure_5b,
    "figure_5c": figure_cost.figure_5c,
    "figure_6a": figure_cost.figure_6a,
    "figure_6b": figure_cost.figure_6b,
    "figure_7": figure_partition.figure_7,
    "figure_9": figure_partition.figure_9,
    "figure_10a": figure_time.figure_10a,
    "figure_10c": figure_partition.figure_10c,
    "figure_11a": figure_time.figure_11a,
    "figure_11b": figure_time.figure_11b,
    "training_curves": training_curves,
}


def draw_figures(facts: Facts, folder: Path) -> None:
    """Write each figure as PNG and SVG into `folder`, and captions.json: `caption` and `alt` of each.

    The paper's values are drawn where the run is on its data: beside others they would be compared with what they do not measure.
    `experiments`, the trade-off of this run beside the ledger's, is drawn only where the ledger holds another experiment.
    """
    section = section_of(facts.results.params, facts.results.dataset)
    paper = Reference(section if section and same_data(facts.results.dataset, section) else None)
    texts = {}
    with style():
        drawings = {name: draw(facts, paper) for name, draw in FIGURES.items()}
        if facts.others:
            drawings["experiments"] = experiments(facts, Reference(section), facts.others)
        for name, drawn in drawings.items():
            save(folder, name, drawn)
            texts[name] = {"caption": drawn.caption, "alt": drawn.alt}
    write_json(folder / CAPTIONS, texts)
