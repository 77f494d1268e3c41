"""Write reports/report.html: the run, the claims, the figures and example images on one self-contained page."""

from typing import Any

from pipeline.base.files import write_text
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.reporting.claims.facts import load_facts
from pipeline.reporting.page.build import build_page
from stages.reports import EVERYTHING, RESULTS
from stages.stage import Stage

STAGE = Stage(
    reads=EVERYTHING,
    needs=[*RESULTS, "reports/figures", "reports/validation.json"],
    outs=["reports/report.html"],
)


def main(folders: Folders, _: Any) -> None:
    """Raises UserError where a result or a figure is missing."""
    write_text(folders.reports / "report.html", build_page(load_facts(load_params(folders.params), folders)))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
