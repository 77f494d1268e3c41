"""Claim by claim: the paper's value, ours, at what scale, and the verdict."""

import sys

from pipeline.config import Params
from pipeline.reporting.advice import Studied, advise
from pipeline.reporting.counted import COUNTED, counted
from pipeline.reporting.facts import NOT_TESTABLE, Facts, Finding
from pipeline.reporting.paper import LITERATURE, RESULTS, Claim, load_claims
from pipeline.reporting.residuals import Side, compare_residuals, residual_pairs
from pipeline.reporting.rules import RULES
from pipeline.reporting.scale import DATASETS, EXPERIMENTS, TEST_PICKED, channels, family, same_data, scale_text, section_of
from pipeline.reporting.text import Table

COLUMNS = ("claim", "where", "paper", "ours", "scale", "verdict", "reason", "experiment")
SCALE, VERDICT = COLUMNS.index("scale"), COLUMNS.index("verdict")
ADVICE = "heuristics"
PAPERS_DATA = {DATASETS[source] for source, *_ in EXPERIMENTS.values()}
WITHOUT_RESIDUALS = "cifar10_resnet9.accuracy_without_residuals"
OWN_ROWS = {
    ("ResNet-9 (the paper)", "BlocTrain"): "cifar10_resnet9.accuracy_bloctrain",
    ("ResNet-9 (the paper)", "BlocTrain-base"): "cifar10_resnet9.accuracy_base",
    ("ResNet-11 (the paper)", "BlocTrain"): "cifar100_resnet11.accuracy_bloctrain",
    ("ResNet-11 (the paper)", "BlocTrain-base"): "cifar100_resnet11.accuracy_base",
    ("VGG-16 (the paper)", "BlocTrain"): "cifar100_vgg16.accuracy_bloctrain",
}
"""Rows of the paper's tables 1 and 2 that restate one of its claims."""


def judge(facts: Facts, claim: Claim) -> Finding:
    """The verdict on one claim; never 'reproduced' unless network, data and scale are the paper's."""
    if claim.section in RESULTS:
        return _result(facts, claim)
    if claim.section in LITERATURE:
        return _row(claim)
    if claim.section == "figures":
        what = f"says what a figure shows; its counterparts for this run are reports/figures/figure_{claim.name}*"
        return Finding("", NOT_TESTABLE, what)
    if claim.section == "setup":
        return Finding(_setting(facts, claim), NOT_TESTABLE, "a setting, not a result")
    return advise(_studied(facts), claim)


def claims_table(facts: Facts) -> Table:
    """Every claim of the paper with its verdict, from this run or from the published experiment that tests it best.

    Best is: tested at all, then on the paper's own data, then the larger scale (`amount_of`), whether or not it could decide.
    This run wins a tie, and stands for the ledger's entry of its own name. An entry's verdict is the one that its own claims
    table gives, by the rules of its commit.
    """
    params = facts.results.params
    rows, notes = [], []
    picked = facts.results.params.partition.source == "test"
    for claim in load_claims():
        finding = judge(facts, claim)
        tested = claim.section in RESULTS and bool(finding.ours)
        method = "bloctrain_base" if claim.name == "accuracy_base" else "bloctrain"
        data = scale_text(facts.results, method) + (_stand_in(facts, claim) if tested else "")
        reason = f"{finding.reason}; {TEST_PICKED}" if picked and tested else finding.reason
        own = [claim.id, claim.where, claim.text(), finding.ours, data if tested else "", finding.verdict, reason]
        candidates = [([*own, params.experiment if tested else ""], amount_of(params))]
        published = [(entry.claims[claim.id], amount_of(entry.params)) for entry in facts.others if claim.id in entry.claims]
        candidates += [candidate for candidate in published if candidate[0][SCALE]]
        if claim.id in COUNTED:
            candidates = [(counted(facts, claim), sys.maxsize)]
        elif claim.id == WITHOUT_RESIDUALS:
            candidates = _with_and_without(facts, claim) + candidates  # of two undecided answers the one that compares
        elif claim.section == ADVICE:
            candidates = _advice(facts, claim) + candidates[:1]  # a study may be newer than what the ledger's entry says of it
        rows.append(max(candidates, key=lambda pair: _evidence(*pair))[0])
        if restated := _restated(claim):  # a row of the paper's tables that says a claim again
            said = next(row for row in rows if row[0] == restated)
            rows[-1] = [*rows[-1][:3], *said[3:6], f"the same as {restated}: {said[6]}", *said[7:]]
    if picked:
        notes.append(f"partition.source is test: {TEST_PICKED}.")
    notes.append(
        "reproduced: the paper's network, data and scale, within the tolerance in pipeline/reporting/rules*.py. same direction: "
        "the sign or order holds, at another scale or on other data. not reproduced: outside the tolerance at the paper's scale, "
        "or the sign or order does not hold. not testable here: see the reason. Accuracies closer than chance makes them in 95 % "
        "of cases (test images and trainings together) are called no difference. Of several experiments the largest on the "
        "paper's data answers, by the verdict of its own commit's rules."
    )
    return Table("claims", "Claim by claim", COLUMNS, rows, notes)


def _with_and_without(facts: Facts, claim: Claim) -> list[tuple[list[str], int]]:
    """The claim's row and its size for each pair of experiments on the paper's data that differ in the shortcuts alone."""
    data = DATASETS[facts.results.dataset]
    sides = [Side(facts.results.params.experiment, facts.results.params, facts.summary, data, scale_text(facts.results))]
    sides += [Side(entry.name, entry.params, entry.summary, *entry.data_and_scale) for entry in facts.others]
    wanted = DATASETS[EXPERIMENTS[claim.section][0]]
    sides = [side for side in sides if side.dataset == wanted]
    rows = []
    for residual, plain in residual_pairs(sides):
        finding = compare_residuals(residual, plain, sides)
        names = f"{residual.name}, {plain.name}"
        row = [claim.id, claim.where, claim.text(), finding.ours, residual.scale, finding.verdict, finding.reason, names]
        rows.append((row, amount_of(residual.params)))
    return rows


def _advice(facts: Facts, claim: Claim) -> list[tuple[list[str], int]]:
    """The claim's row and its size for every experiment that has an answer."""
    sides = [(facts.results.params, scale_text(facts.results), _studied(facts))]
    for entry in facts.others:
        dataset, scale = entry.data_and_scale
        sides.append((entry.params, scale, Studied(dataset, entry.sweep, entry.thresholds)))
    rows = []
    for params, scale, studied in sides:
        finding = advise(studied, claim)
        if finding.ours:
            data = scale if studied.dataset in PAPERS_DATA else f"{scale} ({studied.dataset}, not CIFAR)"
            reason = f"{finding.reason}; {TEST_PICKED}" if params.partition.source == "test" else finding.reason
            row = [claim.id, claim.where, claim.text(), finding.ours, data, finding.verdict, reason, params.experiment]
            rows.append((row, amount_of(params)))
    return rows


def _studied(facts: Facts) -> Studied:
    name = facts.results.params.experiment
    thresholds = next((entry.thresholds for entry in facts.ledger if entry.name == name), ())
    return Studied(DATASETS[facts.results.dataset], facts.sweep("test"), thresholds)


def amount_of(params: Params) -> int:
    """Size of an experiment: channels of the first layer x time steps x epochs x training images."""
    return channels(params)[0] * params.encoding.time_steps * params.training.epochs * params.data.split.train


def _evidence(row: list[str], amount: int) -> tuple[bool, bool, int]:
    return bool(row[SCALE]), ", not " not in row[SCALE], amount


def _result(facts: Facts, claim: Claim) -> Finding:
    params, data = facts.results.params, facts.results.dataset
    applies = section_of(params, data) == claim.section
    if claim.section == "cifar10_resnet9" and family(params) == "VGG9-like":
        applies = claim.id == WITHOUT_RESIDUALS and data != "cifar100"
    elif claim.id == WITHOUT_RESIDUALS:
        return Finding("", NOT_TESTABLE, "another experiment: the network without shortcuts (network.shortcuts: false)")
    if not applies:
        name = EXPERIMENTS[claim.section][2]
        this = f"{DATASETS[data]} {family(params)}"
        return Finding("", NOT_TESTABLE, f"another experiment: {name} (this run is {this})")
    return RULES[claim.id](facts, claim)


def _restated(claim: Claim) -> str | None:
    return OWN_ROWS.get((claim.fields["model"], claim.fields["method"])) if claim.section in LITERATURE else None


def _row(claim: Claim) -> Finding:
    row = f"{claim.fields['model']}, {claim.fields['method']}"
    return Finding("", NOT_TESTABLE, f"{row}: a result of others that the paper quotes")


def _stand_in(facts: Facts, claim: Claim) -> str:
    data = facts.results.dataset
    wanted = DATASETS[EXPERIMENTS[claim.section][0]]
    return "" if same_data(data, claim.section) else f" ({DATASETS[data]}, not {wanted})"


def _setting(facts: Facts, claim: Claim) -> str:
    params = facts.results.params
    rates = {key: block.learning_rate for key, block in params.blocks.items()}
    rates["end_to_end"] = params.baselines.end_to_end_learning_rate
    return {
        "split": ", ".join(f"{split}: {facts.results.images(split)}" for split in ("train", "validation", "test")),
        "time_steps": str(params.encoding.time_steps),
        "max_rate_hz": f"{params.encoding.max_rate_hz:g}",
        "optimizer": "Adam",
        "epochs": str(params.training.epochs),
        "batch_size": str(params.training.batch_size),
        "learning_rate": ", ".join(f"{k}: {v}" for k, v in rates.items()),
    }.get(claim.name, "")
