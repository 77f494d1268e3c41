"""Run every split through one trained block of BlocTrain-base: its spikes for the next one, and its test outputs."""

from pipeline.network.params import BlockParams
from pipeline.training.forward_stages import forward_base
from pipeline.training.params import BaselinesParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks.${key}": BlockParams, "baselines.trained": BaselinesParams},
    needs=[
        "data/prepared",
        "runs/b0/encoder.json",
        "runs/b0/features",
        "runs/${item.prev}/base/features",
        "runs/${key}/base/block.safetensors",
    ],
    outs=["runs/${key}/base/features", "runs/${key}/base/outputs_test.npz", "runs/${key}/base/forward_time.json"],
)

if __name__ == "__main__":
    STAGE.run(forward_base, __doc__)
