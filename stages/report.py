"""Write reports/report.html: the run, the claims, the figures and example images on one self-contained page."""

from pipeline.base.files import write_text
from pipeline.config import Params
from pipeline.layout import REPORTS
from pipeline.reporting.page import build_page
from stages.command import run_stage


def main(params: Params) -> None:
    write_text(REPORTS / "report.html", build_page(params))


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
