"""Draw reports/figures/: the paper's figures for this run, with the paper's values, and the training curves."""

from typing import Any

from pipeline.base.files import atomic_folder
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.figures.all import draw_figures
from stages.reports import EVERYTHING, RESULTS
from stages.stage import Stage

STAGE = Stage(reads=EVERYTHING, needs=RESULTS, outs=[{"reports/figures": {"cache": False}}])


def main(folders: Folders, _: Any) -> None:
    """Raises UserError where a result is missing."""
    facts = load_facts(load_params(folders.params), folders)
    with atomic_folder(folders.reports / "figures") as folder:
        draw_figures(facts, folder)


if __name__ == "__main__":
    STAGE.run(main, __doc__)
