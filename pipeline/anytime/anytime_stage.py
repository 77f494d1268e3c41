"""The stage `anytime`: choose how images leave in depth and time, where `inference.steps` says after how many steps they may."""

from typing import Any, Protocol

from pipeline.anytime.choose import COLUMNS, LOSSES, choices
from pipeline.anytime.names import BOTH
from pipeline.anytime.policy_file import NAME, networks, save_policy
from pipeline.base.files import atomic_folder, write_csv
from pipeline.base.folders import Folders
from pipeline.inference.collected import check_digests
from pipeline.inference.params import InferenceParams
from pipeline.inference.stored import built_keys
from pipeline.training.context import Context
from pipeline.training.params import TrainingSections

TABLE = "policies.csv"


class AnytimeSections(TrainingSections, Protocol):
    """The sections that the stage reads."""

    inference: InferenceParams
    deepest: str


def anytime_stage(folders: Folders, params: AnytimeSections) -> None:
    """Write runs/anytime: a row per family of policies and points lost; the policy of depth and time, if there is one.

    Raises:
        UserError: a result is not the one that the pipeline recorded.
    """
    check_digests(folders, params.deepest)
    rows: list[dict[str, Any]] = []
    with atomic_folder(folders.anytime) as folder:
        if params.inference.steps is not None:
            context, own = Context.open(folders, params), params.inference.points_lost
            steps = sorted({*params.inference.steps, context.encoder.time_steps})
            losses = sorted({*LOSSES, own})
            for _, candidates, family, points, chosen in choices(context, params.baselines.trained, steps, losses):
                rows.append(candidates.row(family, points, chosen))
                if (family, points) == (BOTH, own):
                    save_policy(folder / NAME, *candidates.policy(chosen), networks(folders, built_keys(folders, params.blocks)))
        write_csv(folder / TABLE, COLUMNS, [list(row.values()) for row in rows])
