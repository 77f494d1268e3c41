"""Put the finished run into the ledger, reports/published/<experiment>/. Refuses uncommitted files and a stale run."""

from pipeline.config import Params
from pipeline.reporting.publish import publish
from stages.command import run_stage


def main(params: Params) -> None:
    print(f"published: {publish(params)}; commit it")


if __name__ == "__main__":
    run_stage(main, __doc__ or "")
