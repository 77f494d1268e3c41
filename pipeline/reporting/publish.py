"""Put the finished run in force into the ledger."""

import shutil
import subprocess
from pathlib import Path

import numpy as np

from pipeline.base.errors import UserError
from pipeline.base.files import atomic_folder, read_arrays, write_arrays, write_json
from pipeline.config import Params
from pipeline.inference.networks import votes
from pipeline.inference.params import thresholds
from pipeline.layout import RUNS, end_to_end_folder
from pipeline.partition.exit_rule import replay
from pipeline.partition.votes import load_outputs
from pipeline.reporting.facts import Facts
from pipeline.reporting.figures import draw_figures
from pipeline.reporting.ledger import LEDGER, check_predictions, load_ledger, load_spreads
from pipeline.reporting.provenance import clean_commit, provenance
from pipeline.reporting.results import load_results
from pipeline.reporting.summary import build_summary
from pipeline.reporting.tables import build_tables
from pipeline.reporting.text import write_table
from pipeline.reporting.validation import check_all, write_checks

PARAMS = "params.yaml"


def publish(params: Params) -> Path:
    """Write reports/published/<experiment>/ from the run in force and return the folder.

    Raises:
        UserError: uncommitted files, a run that is not the one of the committed code and parameters, or predictions that do
            not give the accuracies of the summary. The entry that was there stays as it was.
    """
    commit = clean_commit()
    _check_up_to_date()
    results = load_results(params)
    facts = Facts(results, build_summary(results), load_spreads(params.experiment), published=load_ledger())
    entry = LEDGER / params.experiment
    with atomic_folder(entry) as folder:
        write_json(folder / "summary.json", facts.summary)
        write_json(folder / "provenance.json", provenance(results, commit))
        shutil.copyfile(PARAMS, folder / "params.yaml")
        for table in build_tables(facts):
            write_table(folder / "tables", table)
        draw_figures(facts, folder / "figures")
        write_checks(check_all(params.expectations, facts.summary), folder)
        write_arrays(folder / "predictions.npz", predictions(params, len(results.class_names)))
        differences = check_predictions(folder)
        if differences:
            raise UserError(differences[0])
        for path in entry.glob("*"):  # what other commands wrote: seeds, thresholds, variants
            if path.is_file() and not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
    return entry


def predictions(params: Params, classes: int) -> dict[str, np.ndarray]:
    """Per test image, uint16 `[n]` (index int64): label, index, and `<method>_<block>`, the prediction of the network up to that
    block; for BlocTrain and BlocTrain-base also `<method>_exit`, the block (1-based) at which the image leaves."""
    label = read_arrays(RUNS / "exits_test.npz")["label"]
    arrays = {"label": label, "index": np.arange(len(label))}
    for method in ("bloctrain", "bloctrain_base"):
        stored, _ = votes(params, method, "test")
        for depth, key in enumerate(list(params.blocks)[: len(stored)], start=1):
            exits = replay(stored[:depth], thresholds(params.inference.theta_conf, depth), classes)
            arrays[f"{method}_{key}"] = exits.prediction
        arrays[f"{method}_exit"] = exits.exit_block
    for key in params.blocks:
        arrays[f"end_to_end_{key}"] = load_outputs(end_to_end_folder(key), "test")["logits"].argmax(1)
    return {name: array.astype(np.int64 if name == "index" else np.uint16) for name, array in arrays.items()}


def _check_up_to_date() -> None:
    try:
        done = subprocess.run(["dvc", "status", "--quiet"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"dvc: cannot be run ({error}); activate the environment, `source .venv/bin/activate`") from error
    if done.returncode != 0:
        raise UserError("dvc: the run is not that of the committed code and parameters (see `dvc status`); run `dvc repro` first")
