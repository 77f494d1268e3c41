"""Write reports/report.html: the run, the claims, the figures and example images on one self-contained page."""

from pipeline.base.files import write_text
from pipeline.base.folders import Folders
from pipeline.config import Params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.page.build import build_page
from stages.command import run_stage


def main(params: Params, folders: Folders) -> None:
    """Raises UserError where a result or a figure is missing."""
    write_text(folders.reports / "report.html", build_page(load_facts(params, folders)))


if __name__ == "__main__":
    run_stage(lambda params: main(params, Folders()), __doc__ or "")
