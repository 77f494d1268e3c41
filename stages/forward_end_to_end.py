"""Test the network of all blocks up to one that was trained end to end."""

from pipeline.network.params import BlockParams
from pipeline.training.forward_stages import forward_end_to_end
from pipeline.training.params import BaselinesParams
from stages.networks import NETWORK
from stages.stage import Stage

STAGE = Stage(
    per_block=True,
    reads=NETWORK | {"blocks": BlockParams, "baselines": BaselinesParams},
    needs=["data/prepared", "runs/b0/encoder.json", "runs/b0/features", "runs/${key}/end_to_end/block.safetensors"],
    outs=["runs/${key}/end_to_end/outputs_test.npz"],
)

if __name__ == "__main__":
    STAGE.run(forward_end_to_end, __doc__)
