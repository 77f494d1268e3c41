"""`python -m studies.exit_shares`: where would images have to leave, for the paper's own networks to cost what it reports?

The paper states compute and memory per inference, not the shares of images that leave at each block. Its networks' costs are
counted from `experiments/`; the shares that give a reported compute efficiency exactly are searched for the least and the most
memory, and the fewest and the most images at block 2 (linear programs). Writes reports/published/exit_shares.md.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

from pipeline.accounting.inference_cost import end_to_end_cost, exit_costs
from pipeline.accounting.papers_networks import CLASSES, IMAGE, PAPER_SCALE, READS
from pipeline.analysis.table import Table, markdown
from pipeline.base.files import write_text
from pipeline.base.folders import Folders
from pipeline.base.parameters import load_parameters
from pipeline.network.plan import plan_blocks
from pipeline.reporting.claims.paper import load_claims

STATED = (
    ("cifar10_resnet9", "compute_efficiency", "inference_memory_overhead"),
    ("cifar10_resnet9", "compute_efficiency_relaxed", "inference_memory_overhead_relaxed"),
    ("cifar100_resnet11", "compute_efficiency_lowest_threshold", None),
)
"""Section and the claims of compute and memory that belong together."""
COLUMNS = (
    "network", "compute, paper", "memory, paper", "memory that fits", "at block 2 that fits", "shares of least memory",
    "shares of most memory",
)  # fmt: skip


def costs(section: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Operations and memory of an image that leaves at each block, over those of the end-to-end network."""
    params = load_parameters(root / PAPER_SCALE[section], READS)
    plans, classes = list(plan_blocks(params, IMAGE).values()), CLASSES[section]
    own = exit_costs(plans, classes, [depth > 0 for depth in range(len(plans))], params.encoding.time_steps)
    whole = end_to_end_cost(plans, classes[0], params.encoding.time_steps)
    operations, memory = [cost.macs / whole.macs for cost in own], [cost.memory_bits / whole.memory_bits for cost in own]
    return np.array(operations), np.array(memory)


def extreme(goal: np.ndarray, operations: np.ndarray, efficiency: float) -> np.ndarray:
    """Shares that leave at each block with the least of `goal`, among those with that compute efficiency."""
    equal = np.array([np.ones_like(operations), operations])
    found = linprog(goal, A_eq=equal, b_eq=[1.0, 1.0 / efficiency], bounds=(0.0, 1.0))
    if not found.success:
        raise ValueError(f"no exit shares give a compute efficiency of {efficiency}: {found.message}")
    return np.asarray(found.x)


def row(section: str, compute: str, overhead: str | None, root: Path) -> list[object]:
    """One row of the table."""
    claims, (operations, memory) = load_claims(), costs(section, root)
    efficiency = float(claims[f"{section}.{compute}"].value)
    second = np.eye(len(operations))[1]
    least, most = extreme(memory, operations, efficiency), extreme(-memory, operations, efficiency)
    few, many = extreme(second, operations, efficiency), extreme(-second, operations, efficiency)
    stated = f"{claims[f'{section}.{overhead}'].value}x" if overhead else ""
    return [
        section, f"{efficiency}x", stated, f"{memory @ least:.2f}x to {memory @ most:.2f}x",
        f"{100 * few[1]:.0f} % to {100 * many[1]:.0f} %", _shares(least), _shares(most),
    ]  # fmt: skip


def _shares(shares: np.ndarray) -> str:
    return ", ".join(f"b{number} {100 * share:.0f} %" for number, share in enumerate(shares, start=1) if share > 0.0005)


def main(arguments: list[str] | None = None) -> None:
    """Write and print the table."""
    words = (__doc__ or "").splitlines()[0]
    argparse.ArgumentParser(prog="python -m studies.exit_shares", description=words).parse_args(arguments)
    folders = Folders()
    rows = [row(section, compute, overhead, folders.root) for section, compute, overhead in STATED]
    made = "Made by `python -m studies.exit_shares`; costs are counted as in docs/assumptions.md."
    text = markdown(Table("exit_shares", "Exit shares that give the paper's compute", COLUMNS, rows, [made]))
    write_text(folders.published / "exit_shares.md", text)
    print(text)


if __name__ == "__main__":
    main()
