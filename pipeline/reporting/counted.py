"""The claims that need no training: counted for the paper's own network, whatever the run in force is."""

from pipeline.reporting.facts import Facts
from pipeline.reporting.paper import Claim, read_claims_file
from pipeline.reporting.rules import RULES
from pipeline.reporting.scale import SIDE, WIDTHS

FILE = "experiments/cifar10-resnet9.yaml"
COUNTED = tuple(f"cifar10_resnet9.training_memory_{name}" for name in ("reduction_min", "reduction_max", "order"))


def counted(facts: Facts, claim: Claim) -> list[str]:
    """The row of one of COUNTED in the claims table."""
    finding = RULES[claim.id](facts, claim)
    steps = read_claims_file()["setup"]["time_steps"]
    scale = f"CIFAR-10 {SIDE}x{SIDE}, first layer {WIDTHS['ResNet-9'][0]} channels, {steps} time steps; counted, not run"
    return [claim.id, claim.where, claim.text(), finding.ours, scale, finding.verdict, finding.reason, FILE]
