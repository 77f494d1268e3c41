"""Digests and measured times of a block's results and all before it, so that a later stage can depend on them as one."""

from typing import Any

from pipeline.base.folders import Folders, before
from pipeline.inference.collected import BASELINE, RESULTS, collect
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    needs=[
        *(f"runs/${{key}}/{name}" for name in (*RESULTS, "timing.json", "forward_time.json")),
        *(f"runs/${{key}}/base/{name}" for name in (*BASELINE, "timing.json", "forward_time.json")),
        *(f"runs/${{key}}/end_to_end/{name}" for name in (*BASELINE, "timing.json")),
        "runs/${item.prev}/manifest.json",
        "runs/${item.prev}/timings.json",
    ],
    outs=["runs/${key}/manifest.json", "runs/${key}/timings.json"],
)


def main(folders: Folders, params: Any, key: str) -> None:
    """The stage for one block."""
    collect(folders, key, before(key))


if __name__ == "__main__":
    STAGE.run(main, __doc__)
