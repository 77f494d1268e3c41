"""A smoke run writes rows of the promised form; the counted figures are right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.convolutions import convolutions_step
from benchmarks.measure import saved_bytes_per_image
from benchmarks.networks import NETWORKS, build, paper_bytes_per_image, random_spikes, resnet9
from benchmarks.report import not_measured, ratio_table, targets
from benchmarks.run import Runner
from pipeline.training.feed import time_major

ROOT = Path(__file__).parents[2]
CELL = ("implementation", "network", "steps", "batch", "mode")
PROMISED = {
    "implementation": str, "network": str, "steps": int, "batch": int, "mode": str, "images_per_s": float,
    "peak_rss_mb": float, "machine": str, "configuration": str, "repeats": int,
}  # fmt: skip


@pytest.mark.slow
def test_smoke_run_writes_rows_table_and_figure(tmp_path):
    command = [sys.executable, "-m", "benchmarks.throughput", "--smoke", "--only", "bloctrain", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = json.loads((tmp_path / "throughput.json").read_text())
    assert {(row["implementation"], row["mode"]) for row in rows} == {
        ("bloctrain", "train"), ("bloctrain", "infer"), ("convolutions", "train"),
    }  # fmt: skip
    for row in rows:
        assert {name: type(row[name]) for name in PROMISED} == PROMISED
        assert row["images_per_s"] > 0
        assert row["peak_rss_mb"] > 100
        saves = row["implementation"] == "bloctrain" and row["mode"] == "train"
        assert (row["saved_bytes_per_image"] is not None) == saves
    assert (tmp_path / "throughput.png").stat().st_size > 5000
    assert "| resnet9-block1 | 5 | 4 | train | bloctrain |" in (tmp_path / "throughput.md").read_text()


def test_paper_bytes_are_33_bits_per_neuron_and_step():
    neurons = 16 * 32 * 32 + 16 * 16 * 16 + 2 * 32 * 16 * 16 + 256
    assert paper_bytes_per_image(resnet9(25), NETWORKS["resnet9-block1"]) == 25 * (neurons * 33 + 10 * 32) / 8


def test_saved_bytes_count_activations_and_not_weights():
    """Per image and step: a byte per potential, a bit per input spike (two where signed), and the readout's sum once."""
    steps = 6
    params = resnet9(steps, width=4, image_size=8)
    block = build(params, ["b1"])
    host = random_spikes(3, steps, 8)
    forward = lambda n: block(time_major(host[:n], torch.device("cpu"), torch.bfloat16)).logits  # noqa: E731
    conv, pooled, unit, hidden = 4 * 64, 4 * 16, 8 * 16, 64
    potentials = conv + unit + unit + hidden
    input_bits = 2 * 3 * 64 + pooled + (unit + pooled) + unit
    expected = steps * (potentials + input_bits / 8) + 4 * hidden
    assert saved_bytes_per_image(forward, block, 3) == pytest.approx(expected, rel=0.25)


def test_convolutions_run_every_synapse_of_every_micro_batch():
    step = convolutions_step(resnet9(2, micro_batch=2, width=4, image_size=8), NETWORKS["resnet9"], batch=4)
    step()


def test_a_measurement_that_does_not_fit_is_skipped_with_its_reason():
    runner = Runner(budget_seconds=1000, seconds=1)
    runner.rates["norse", "resnet9", "train"] = 1.0
    order = {"implementation": "norse", "network": "resnet9", "steps": 100, "batch": 64, "mode": "train",
             "configuration": {"precision": "32"}}  # fmt: skip
    assert runner.run(order) is None
    assert runner.skipped[0] == (order, "no time left")
    runner.rates.clear()
    runner.saved["norse", "resnet9"] = 1e12
    assert runner.run(order) is None
    assert "GB are free" in runner.skipped[1][1]
    assert not_measured([], runner.skipped)[0] == "- resnet9, T = 100, batch 64, train: norse (no time left)"
    assert not_measured([{name: order[name] for name in CELL}], runner.skipped) == []  # a repeat left out is no gap


def row(name, batch, speed, saved=None, mode="train"):
    return {"implementation": name, "network": "resnet9", "steps": 25, "batch": batch, "mode": mode, "images_per_s": speed,
            "images_per_s_by_repeat": {"0": speed}, "saved_bytes_per_image": saved, "paper_bytes_per_image": 4e6}  # fmt: skip


def test_targets_compare_with_the_best_peer_at_the_batch_and_at_its_own_best():
    rows = [row("bloctrain", 64, 200.0, 1e6), row("norse", 64, 40.0, 8e6), row("snntorch", 64, 50.0, 9e6),
            row("norse", 16, 80.0, 8e6), row("convolutions", 64, 400.0, None)]  # fmt: skip
    text = "\n".join(targets(rows))
    assert "**4.00x** the best peer at the same batch (snnTorch" in text
    assert "**2.50x** the best peer at its own best batch (Norse, batch 16" in text
    assert "**50%**" in text
    assert "**0.25x** the paper's accounting" in text
    assert "**0.12x** the best peer's (Norse" in text


def test_ratios_are_over_the_fastest_peer_and_leave_untuned_peers_to_their_own_line():
    rows = [row("bloctrain", 64, 200.0), row("norse", 64, 40.0), row("snntorch", 64, 50.0), row("norse", 16, 80.0),
            row("norse-untuned", 64, 20.0), row("bloctrain", 64, 900.0, mode="infer")]  # fmt: skip
    lines = ratio_table(rows)
    assert "| training, peers at the same batch | 4.0x |" in lines
    assert "| training, each peer's better batch | 2.5x |" in lines
    assert "| training, peers as their tutorials run them, same batch | 10.0x |" in lines
    assert not [line for line in lines if "inference" in line]  # no peer was measured there
