"""Memory of training, compute and memory per inference, synaptic operations, training times: runs/accounting/."""

from pipeline.accounting.account_stage import account_stage
from pipeline.accounting.papers_networks import PAPER_SCALE
from pipeline.accounting.params import AccountingParams
from pipeline.encoding.params import EncodingParams
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.neuron.params import NeuronParams
from pipeline.training.params import BaselinesParams, ComputeParams, HcdParams, TrainingParams
from stages.stage import Stage

STAGE = Stage(
    reads={
        "seed": int,
        "encoding.time_steps": EncodingParams,
        "neuron": NeuronParams,
        "network": NetworkParams,
        "blocks": BlockParams,
        "deepest": str,
        "training.batch_size": TrainingParams,
        "compute": ComputeParams,
        "hcd.joint": HcdParams,
        "baselines.trained": BaselinesParams,
        "accounting": AccountingParams,
    },
    needs=[
        "data/prepared/manifest.json",
        "runs/b0/next.json",
        "runs/${deepest}/manifest.json",
        "runs/${deepest}/timings.json",
        "runs/exits_test.npz",
        "runs/exits_base_test.npz",
        "runs/sweep.csv",
        "runs/accuracy_by_depth.csv",
        "runs/synaptic_operations.npz",
        *map(str, PAPER_SCALE.values()),
    ],
    outs=["runs/accounting", "runs/training_time.csv"],
)

if __name__ == "__main__":
    STAGE.run(account_stage, __doc__)
