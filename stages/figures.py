"""Draw reports/figures/: the paper's figures for this run, with the paper's values, and the training curves."""

from pipeline.base.files import atomic_folder
from pipeline.config import Params
from pipeline.reporting.facts import Facts
from pipeline.reporting.figures import FOLDER, draw_figures
from pipeline.reporting.ledger import load_ledger, load_spreads
from pipeline.reporting.results import load_results
from pipeline.reporting.summary import build_summary
from stages.command import run_stage


def main(params: Params) -> None:
    results = load_results(params)
    facts = Facts(results, build_summary(results), load_spreads(params.experiment), load_ledger())
    with atomic_folder(FOLDER) as folder:
        draw_figures(facts, folder)


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
