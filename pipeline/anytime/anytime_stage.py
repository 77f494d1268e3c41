"""The stage `anytime`: choose how images leave in depth and time, where `inference.steps` says after how many steps they may."""

from typing import Any, Protocol

from pipeline.anytime.choose import BOTH, COLUMNS, LOSSES, Candidates
from pipeline.anytime.policy_file import NAME, save_policy
from pipeline.base.files import atomic_folder, write_csv
from pipeline.base.folders import Folders
from pipeline.inference.params import InferenceParams
from pipeline.training.context import Context
from pipeline.training.params import TrainingSections

TABLE = "policies.csv"


class AnytimeSections(TrainingSections, Protocol):
    """The sections that the stage reads."""

    inference: InferenceParams


def anytime_stage(folders: Folders, params: AnytimeSections) -> None:
    """Write runs/anytime: a row per family of policies and points lost; the policy of depth and time, if there is one."""
    rows: list[dict[str, Any]] = []
    with atomic_folder(folders.anytime) as folder:
        if params.inference.steps is not None:
            context, own = Context.open(folders, params), params.inference.points_lost
            steps = sorted({*params.inference.steps, context.encoder.time_steps})
            for method in ("bloctrain", "end_to_end"):
                if method not in ("bloctrain", *params.baselines.trained):
                    continue
                candidates = Candidates.of_run(context, method, steps)
                for family, paths in candidates.families(method).items():
                    for points in sorted({*LOSSES, own}):
                        chosen = candidates.choose(paths, points)
                        rows.append(candidates.row(family, points, chosen))
                        if (family, points) == (BOTH, own):
                            save_policy(folder / NAME, *candidates.policy(chosen))
        write_csv(folder / TABLE, COLUMNS, [list(row.values()) for row in rows])
