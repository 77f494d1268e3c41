"""A smoke run writes rows of the promised form; the counted figures are right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import peers
from benchmarks.convolutions import convolutions_step
from benchmarks.measure import measure, saved_bytes_per_image
from benchmarks.networks import NETWORKS, build, paper_bytes_per_image, random_spikes, resnet9
from benchmarks.peers import PEERS
from benchmarks.report import not_measured, ratio_table, targets
from benchmarks.run import Runner
from benchmarks.throughput import FOCUS, OTHERS, PEER_CANDIDATES, SETTINGS_SHARE, calibrate, measure_cells, summarise
from benchmarks.throughput import main as throughput
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
    assert saved_bytes_per_image(forward, block, 3) == pytest.approx(expected, rel=0.05)


def test_convolutions_run_every_synapse_of_every_micro_batch():
    """The first block has a convolution, and a unit of two with a shortcut; the others a unit each; one hidden layer."""
    step = convolutions_step(resnet9(2, micro_batch=2, width=4, image_size=8), NETWORKS["resnet9"], batch=4)
    with torch.profiler.profile() as profile:
        step()
    ran = {event.key: event.count for event in profile.key_averages()}
    assert ran["aten::conv2d"] == ran["aten::convolution_backward"] == 2 * (1 + 3 * 3)
    assert ran["aten::matmul"] == 2 * 3


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


def test_the_search_for_settings_leaves_half_of_the_time_to_the_measurements(monkeypatch):
    """Each process takes half a minute here; the whole search would take longer than the time given."""
    clock = [0.0]

    def process(command, **_):
        clock[0] += 30
        order = json.loads(command[-1])
        row = {"images_per_s": 1e6, "peak_rss_mb": 1000.0, "start_rss_mb": 800.0, "saved_bytes_per_image": 1e3}
        return subprocess.CompletedProcess(command, 0, json.dumps(order | row | {"threads": torch.get_num_threads()}), "")

    monkeypatch.setattr("benchmarks.run.subprocess.run", process)
    monkeypatch.setattr("benchmarks.run.time.perf_counter", lambda: clock[0])
    runner = Runner(budget_seconds=16 * 60, seconds=3)
    with runner.limited_to(SETTINGS_SHARE):
        best = calibrate(runner, ["bloctrain", *PEERS], FOCUS + OTHERS, False, True)
        assert clock[0] <= 16 * 60 / 2
    assert {name for name, *_ in best} == {"bloctrain", *PEERS}
    assert measure_cells(runner, best, FOCUS, 1)


class FakeRunner:
    """Rates by implementation, the second repeat a tenth faster; what is not known fails."""

    def __init__(self, rates):
        self.rates, self.orders = rates, []

    def run(self, order):
        self.orders.append(order)
        how, name = order["configuration"], order["implementation"]
        if name not in self.rates:
            return None
        repeat = sum(name == other["implementation"] for other in self.orders) - 1
        faster = {"bf16": 2, "32": 1}[how["precision"]] * (1.5 if how.get("compile") else 1) * (1 + how.get("channels_last", 0))
        return order | {"images_per_s": self.rates[name] * faster * (1 + repeat / 1e6), "peak_rss_mb": 1000.0,
                        "start_rss_mb": 800.0, "saved_bytes_per_image": 1e6}  # fmt: skip


def test_every_peer_is_given_its_fastest_setting():
    runner = FakeRunner({"bloctrain": 100.0, "norse": 5.0, "snntorch": 4.0, "spikingjelly": 6.0})
    cells = [("resnet9-block1", steps, 64, "train") for steps in (25, 100)]
    best = calibrate(runner, ["bloctrain", *PEERS], cells, False, True)
    for peer in PEERS:
        assert best[peer, 25, 64, "train"] == PEER_CANDIDATES[-1] | {"compile": True}
        assert best[peer, 100, 64, "train"] == PEER_CANDIDATES[-1]  # its loop would take too long to compile
    assert best["bloctrain", 25, 64, "train"]["micro_batch"] in (8, 16, 32)


def test_all_run_each_cell_in_turn_and_medians_are_taken():
    runner = FakeRunner({"bloctrain": 100.0, "norse": 5.0, "norse-untuned": 2.0, "convolutions": 300.0})
    cell = ("resnet9-block1", 25, 64, "train")
    best = {("bloctrain", *cell[1:]): {"precision": "bf16", "micro_batch": 16}, ("norse", *cell[1:]): PEER_CANDIDATES[-1]}
    rows = {row["implementation"]: row for row in summarise(measure_cells(runner, best, [cell], 3))}
    assert set(rows) == {"bloctrain", "norse", "norse-untuned", "convolutions"}
    assert len({runner.orders[4 * repeat]["implementation"] for repeat in range(3)}) == 3  # another starts each time
    for row in rows.values():
        speeds = list(row["images_per_s_by_repeat"].values())
        assert row["repeats"] == 3 and sorted(speeds)[1] == row["images_per_s"]
        assert row["images_per_s_min"] < row["images_per_s"] < row["images_per_s_max"]
        assert row["versions"]["torch"] and row["commit"]


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("mode", ["train", "infer"])
@pytest.mark.filterwarnings("ignore")
def test_a_peer_can_be_measured(name, mode):
    pytest.importorskip(name)
    order = {"implementation": name, "network": "resnet9-block1", "steps": 3, "batch": 2, "mode": mode, "seconds": 0,
             "configuration": {"precision": "bf16", "channels_last": True, "keep_freed_memory": False}}  # fmt: skip
    found = measure(order)
    assert found["images_per_s"] > 0 and len(found["step_seconds"]) == 2
    assert (found["saved_bytes_per_image"] is not None) == (mode == "train")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "0"], "--repeats"), (["--minutes", "-5"], "--minutes"), (["--only", "nobody"], "--only"),
        (["--output", "README.md"], "README.md is not a folder"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_line_and_nothing_is_written(arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as caught:
        throughput(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_peer_that_is_broken_is_left_out_by_name(monkeypatch, capsys):
    def broken(name):
        raise {"norse": RuntimeError("its library is of another torch"), "snntorch": ModuleNotFoundError(name="snntorch"),
               "spikingjelly": ModuleNotFoundError("No module named 'nir'", name="nir")}[name]  # fmt: skip

    monkeypatch.setattr(peers, "neurons_of", broken)
    assert peers.installed.__wrapped__() == []
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["spikingjelly", "norse"]  # the other is only not there


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
    assert "| training, peers in torch's default settings (float32), same batch | 10.0x |" in lines
    assert not [line for line in lines if "inference" in line]  # no peer was measured there
