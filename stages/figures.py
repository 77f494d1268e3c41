"""Draw reports/figures/: the paper's figures for this run, with the paper's values, and the training curves."""

from pipeline.base.files import atomic_folder
from pipeline.base.folders import Folders
from pipeline.config import Params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.figures.all import draw_figures
from stages.command import run_stage


def main(params: Params, folders: Folders) -> None:
    """Raises UserError where a result is missing."""
    facts = load_facts(params, folders)
    with atomic_folder(folders.reports / "figures") as folder:
        draw_figures(facts, folder)


if __name__ == "__main__":
    run_stage(lambda params: main(params, Folders()), __doc__ or "")
