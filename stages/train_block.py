"""Train one block of BlocTrain (Algorithms 1 and 2): runs/<block>/block.safetensors, history.csv, timing.json."""

from pipeline.network.params import BlockParams
from pipeline.training.methods import train_block
from pipeline.training.params import HcdParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks.${key}": BlockParams, "hcd.joint": HcdParams},
    needs=["data/prepared", "runs/b0/encoder.json", "runs/${item.prev}/features", "runs/${item.prev}/next.json"],
    outs=["runs/${key}/block.safetensors", "runs/${key}/timing.json"],
    plots=[{"runs/${key}/history.csv": {"x": "epoch", "y": "loss"}}],
)

if __name__ == "__main__":
    STAGE.run(train_block, __doc__)
