import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.training.resume import Checkpoint, training_digest

ROOT = Path(".resume")
HISTORY = [{"epoch": 1, "loss": 0.1 + 0.2, "hcd_loss": None}]


def model(seed, steps=3):
    """A linear model and its Adam after some steps."""
    torch.manual_seed(seed)
    linear = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        linear(torch.randn(5, 4)).square().sum().backward()
        optimizer.step()
    return linear, optimizer


def same_state(a, b):
    pairs = [(a["state"][index][name], b["state"][index][name]) for index in a["state"] for name in a["state"][index]]
    return len(a["state"]) == len(b["state"]) and all(torch.equal(x, y) for x, y in pairs)


def test_round_trip(folder):
    trained, optimizer = model(0)
    fresh, fresh_optimizer = model(1, steps=0)
    with Checkpoint(ROOT, "x") as checkpoint:
        checkpoint.save(trained, optimizer, HISTORY)
        assert checkpoint.load(fresh, fresh_optimizer) == HISTORY
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), fresh.parameters(), strict=True))
    assert same_state(optimizer.state_dict(), fresh_optimizer.state_dict())
    # One more step goes the same way, which needs moments and step count.
    for one, its_optimizer in ((trained, optimizer), (fresh, fresh_optimizer)):
        its_optimizer.zero_grad()
        one(torch.ones(2, 4)).square().sum().backward()
        its_optimizer.step()
    assert torch.equal(trained.weight, fresh.weight)


def test_nothing_to_resume_from(folder):
    with Checkpoint(ROOT, "x") as checkpoint:
        assert checkpoint.load(*model(0)) == []


def test_success_removes_the_folder_and_failure_keeps_it(folder):
    def fail():
        with Checkpoint(ROOT, "x") as checkpoint:
            checkpoint.save(*model(0), HISTORY)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    assert (folder / ".resume/x/checkpoint.safetensors").exists()
    with Checkpoint(ROOT, "x") as checkpoint:
        assert checkpoint.load(*model(1, steps=0)) == HISTORY
    assert not (folder / ".resume/x").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def noise(path):
    path.write_bytes(b"\xff" * 200)


def without_history(path):
    save_file({"model/weight": torch.zeros(3, 4)}, path)


@pytest.mark.parametrize("spoil", [cut, empty, noise, without_history])
def test_a_damaged_checkpoint_starts_over(spoil, folder, capsys):
    fresh, optimizer = model(1, steps=0)
    before = [weight.clone() for weight in fresh.parameters()]
    with Checkpoint(ROOT, "x") as checkpoint:
        checkpoint.save(*model(0), HISTORY)
        spoil(checkpoint.path)
        assert checkpoint.load(fresh, optimizer) == []
    assert all(torch.equal(a, b) for a, b in zip(before, fresh.parameters(), strict=True))
    assert "damaged, training starts over" in "".join(capsys.readouterr())


def test_a_second_process_is_refused_until_the_first_ends(folder, refusal):
    (folder / ".resume/x").mkdir(parents=True)
    hold = "import fcntl, sys; f = open('.resume/x/lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        line = refusal(Checkpoint(ROOT, "x").__enter__)
        assert line.startswith(".resume/x: another process runs this very training")
        with Checkpoint(ROOT, "y"):  # another training is not in the way
            pass
        holder.kill()
    with Checkpoint(ROOT, "x"):
        pass


def test_digest_changes_with_every_ingredient(tmp_path):
    dependency = tmp_path / "features.npy"
    dependency.write_bytes(b"1")
    first = training_digest({"a": 1, "b": 2}, [dependency])
    assert training_digest({"b": 2, "a": 1}, [dependency]) == first
    assert training_digest({"a": 1, "b": 3}, [dependency]) != first
    assert training_digest({"a": 1, "b": 2}, []) != first
    dependency.write_bytes(b"2")
    assert training_digest({"a": 1, "b": 2}, [dependency]) != first


def test_missing_dependency_is_one_line(tmp_path, refusal):
    assert "missing; run `dvc repro`" in refusal(training_digest, {}, [tmp_path / "gone.npy"])


@pytest.mark.parametrize("name", ["a.py", "a.cpp", "a.hpp"])
def test_another_code_is_another_training(name, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.training.resume.CODE", tmp_path)
    for room in ("network", "reporting"):
        (tmp_path / room).mkdir()
        (tmp_path / room / name).write_text("one")
    before = training_digest({}, [])
    (tmp_path / "reporting" / name).write_text("two")  # no training follows from it
    assert training_digest({}, []) == before
    (tmp_path / "network" / name).write_text("two")
    assert training_digest({}, []) != before


def test_a_comment_discards_no_stopped_training(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.training.resume.CODE", tmp_path)
    path = tmp_path / "network" / "a.py"
    path.parent.mkdir()
    path.write_text("one = 1\n")
    before = training_digest({}, [])
    path.write_text('"""What it is."""\n\none = 1  # of one\n')
    assert training_digest({}, []) == before
