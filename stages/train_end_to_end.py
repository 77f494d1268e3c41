"""Train the network of all blocks up to one end to end: runs/<block>/end_to_end/."""

from pipeline.network.params import BlockParams
from pipeline.training.methods import train_end_to_end
from pipeline.training.params import BaselinesParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks": BlockParams, "baselines": BaselinesParams},
    needs=["data/prepared", "runs/b0/encoder.json", "runs/b0/features"],
    outs=["runs/${key}/end_to_end/block.safetensors", "runs/${key}/end_to_end/timing.json"],
    plots=[{"runs/${key}/end_to_end/history.csv": {"x": "epoch", "y": "loss"}}],
)

if __name__ == "__main__":
    STAGE.run(train_end_to_end, __doc__)
