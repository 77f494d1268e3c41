"""Check the whole of params.yaml before anything runs: unknown keys, ranges, and what must hold between sections.

What it writes never changes, so that nothing runs again because of it.
"""

from typing import Any

from pipeline.base.files import write_json
from pipeline.base.folders import Folders
from pipeline.config.load import load_params
from pipeline.network.plan import plan_blocks
from stages.stage import Stage

STAGE = Stage(
    whole_file=True,
    outs=["runs/checked.json"],
)


def main(folders: Folders, _: Any) -> None:
    """The stage."""
    params = load_params(folders.params)
    plan_blocks(params, (1, params.data.image_size, params.data.image_size))
    write_json(folders.runs / "checked.json", {"parameters": "checked"})


if __name__ == "__main__":
    STAGE.run(main, __doc__)
