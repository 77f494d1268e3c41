"""Run every split through one trained block: its spikes for the next block, and its readouts."""

from pipeline.network.params import BlockParams
from pipeline.training.forward_stages import forward_block
from pipeline.training.params import HcdParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks.${key}": BlockParams, "hcd.joint": HcdParams},
    needs=[
        "data/prepared",
        "runs/b0/encoder.json",
        "runs/${key}/block.safetensors",
        "runs/${item.prev}/features",
        "runs/${item.prev}/next.json",
    ],
    outs=[
        "runs/${key}/features",
        "runs/${key}/readout_train.npz",
        "runs/${key}/readout_validation.npz",
        "runs/${key}/readout_test.npz",
        "runs/${key}/forward_time.json",
    ],
)

if __name__ == "__main__":
    STAGE.run(forward_block, __doc__)
