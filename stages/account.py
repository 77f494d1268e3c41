"""Memory of training, compute and memory per inference, synaptic operations, training times: runs/accounting/."""

from pipeline.accounting.steps import account_step
from stages.command import run_stage

if __name__ == "__main__":
    run_stage(account_step, __doc__ or "")
