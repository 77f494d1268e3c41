"""Train one block of BlocTrain-base (section 6.3): runs/<block>/base/."""

from pipeline.network.params import BlockParams
from pipeline.training.methods import train_base
from pipeline.training.params import BaselinesParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks.${key}": BlockParams, "baselines.trained": BaselinesParams},
    needs=["data/prepared", "runs/b0/encoder.json", "runs/b0/features", "runs/${item.prev}/base/features"],
    outs=["runs/${key}/base/block.safetensors", "runs/${key}/base/timing.json"],
    plots=[{"runs/${key}/base/history.csv": {"x": "epoch", "y": "loss"}}],
)

if __name__ == "__main__":
    STAGE.run(train_base, __doc__)
