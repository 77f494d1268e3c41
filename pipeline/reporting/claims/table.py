"""Claim by claim: the paper's value, the answer of the experiment that tests it best, and the verdict."""

from dataclasses import replace

from pipeline.analysis.table import Table
from pipeline.reporting.claims.experiments import advise, compare_residuals, residual_pairs
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.judge import WITHOUT_RESIDUALS, judge
from pipeline.reporting.claims.paper import LITERATURE, RESULTS, SIDE, WIDTHS, Claim, load_claims, read_claims_file
from pipeline.reporting.ledger.entry import Entry, Finding, load_spreads
from pipeline.reporting.scale import DATASETS, TEST_PICKED

COLUMNS = ("claim", "where", "paper", "ours", "scale", "verdict", "reason", "experiment")
OWN_ROWS = {
    ("ResNet-9 (the paper)", "BlocTrain"): "cifar10_resnet9.accuracy_bloctrain",
    ("ResNet-9 (the paper)", "BlocTrain-base"): "cifar10_resnet9.accuracy_base",
    ("ResNet-11 (the paper)", "BlocTrain"): "cifar100_resnet11.accuracy_bloctrain",
    ("ResNet-11 (the paper)", "BlocTrain-base"): "cifar100_resnet11.accuracy_base",
    ("VGG-16 (the paper)", "BlocTrain"): "cifar100_vgg16.accuracy_bloctrain",
}
"""Rows of the paper's tables 1 and 2 that restate one of its claims."""
NOTE = (
    "reproduced: the paper's network, data and scale, within the tolerance in pipeline/reporting/claims/claims.yaml. same "
    "direction: the sign or order holds, at another scale or on other data. not reproduced: outside the tolerance at the paper's "
    "scale, or the sign or order does not hold. not testable here: see the reason. Accuracies closer than chance makes them in "
    "95 % of cases (test images and trainings together) are called no difference. Of several experiments the largest on the "
    "paper's data answers, by the verdict of its own commit's rules."
)


def claims_table(facts: Facts) -> Table:
    """Every claim of the paper with its verdict, from this run or from the published experiment that tests it best."""
    pairs = [(load_claims()[name], finding) for name, finding in findings(facts).items()]
    rows = [[c.id, c.where, c.text(), f.text, f.scale, f.verdict, f.reason, f.experiment] for c, f in pairs]
    picked = [f"partition.source is test: {TEST_PICKED}."] if facts.own.scale.test_picked else []
    return Table("claims", "Claim by claim", COLUMNS, rows, [*picked, NOTE])


def findings(facts: Facts) -> dict[str, Finding]:
    """The answer to every claim, by id; of this run alone where `facts` has no ledger."""
    answers: dict[str, Finding] = {}
    for name, claim in load_claims().items():
        answers[name] = _best(facts, claim)
        if claim.section in LITERATURE and (said := OWN_ROWS.get((claim.fields["model"], claim.fields["method"]))):
            answers[name] = replace(answers[said], reason=f"the same as {said}: {answers[said].reason}")
    return answers


def _best(facts: Facts, claim: Claim) -> Finding:
    """Tested at all, then on the paper's own data, then the larger scale, whether or not it could decide.

    This run wins a tie, and stands for the ledger's entry of its own name. An entry's finding is the one that it was published
    with, by the rules of its commit.
    """
    own = _own(facts, claim)
    if "counted" in claim.judged:
        return own
    candidates = [(own, facts.own.scale.amount)]
    if claim.section == "heuristics":  # a study may be newer than what the ledger's entry says of it
        candidates = _advice(facts, claim) + candidates
    else:
        published = [(entry, entry.findings[claim.id]) for entry in facts.others if claim.id in entry.findings]
        candidates += [(replace(f, experiment=entry.name), entry.scale.amount) for entry, f in published if f.scale]
    if claim.id == WITHOUT_RESIDUALS:
        candidates = _with_and_without(facts, claim) + candidates  # of two undecided answers the one that compares
    return max(candidates, key=lambda pair: (bool(pair[0].scale), pair[0].papers_data, pair[1]))[0]


def _own(facts: Facts, claim: Claim) -> Finding:
    """This run's finding, at its scale; that of a claim which is counted at the paper's."""
    finding, scale = judge(facts, claim), facts.own.scale
    if claim.section not in RESULTS or not finding.text:
        return finding
    if "counted" in claim.judged:
        steps, data = read_claims_file()["setup"]["time_steps"], DATASETS[RESULTS[claim.section][0]]
        what = f"{data} {SIDE}x{SIDE}, first layer {WIDTHS['ResNet-9'][0]} channels, {steps} time steps; counted, not run"
        return replace(finding, scale=what, experiment=claim.judged["counted"])
    wanted = RESULTS[claim.section][0]
    text = scale.text("bloctrain_base" if claim.name == "accuracy_base" else "bloctrain")
    return _at(facts.own, finding, text, scale.dataset == wanted, DATASETS[wanted])


def _at(entry: Entry, finding: Finding, text: str, papers_data: bool, wanted: str) -> Finding:
    """The finding with what it was found on; a stand-in for the data wanted is named."""
    scale = text if papers_data else f"{text} ({entry.scale.data}, not {wanted})"
    reason = "; ".join(part for part in (finding.reason, entry.scale.test_picked) if part)
    return replace(finding, scale=scale, papers_data=papers_data, reason=reason, experiment=entry.name)


def _with_and_without(facts: Facts, claim: Claim) -> list[tuple[Finding, int]]:
    """A finding and its size for each pair of experiments on the paper's data that differ in the shortcuts alone."""
    entries = [entry for entry in (facts.own, *facts.others) if entry.scale.dataset == RESULTS[claim.section][0]]
    found = []
    for residual, plain in residual_pairs(entries):
        spreads = load_spreads(facts.results.folders.published / residual.name)
        finding = compare_residuals(residual, plain, entries, spreads)
        names = f"{residual.name}, {plain.name}"
        found.append((replace(finding, scale=residual.scale.text(), experiment=names), residual.scale.amount))
    return found


def _advice(facts: Facts, claim: Claim) -> list[tuple[Finding, int]]:
    """The finding and the size of every experiment that has an answer."""
    answers, papers = [(entry, advise(entry, claim)) for entry in (facts.own, *facts.others)], [d for d, *_ in RESULTS.values()]
    told = [(entry, _at(entry, answer, entry.scale.text(), entry.scale.dataset in papers, "CIFAR")) for entry, answer in answers]
    return [(finding, entry.scale.amount) for entry, finding in told if finding.text]
