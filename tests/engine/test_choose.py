"""Which engine is taken where something is missing, and what is said about it."""

import platform
import shutil
import subprocess

import pytest
import torch

from pipeline.engine import choose as choice
from pipeline.engine.events import synapses
from pipeline.neuron import scans
from pipeline.neuron.fused import library
from pipeline.neuron.fused import scans as fused_scans

choose = choice.choose_engine.__wrapped__  # as if asked for the first time
NAMES = ("reference", "lean", "fused", "events")


def refuse(why):
    def load():
        raise library.KernelsUnavailable(why)

    return load


@pytest.fixture
def compiled():
    try:
        library.load_library(), synapses.load_events()
    except library.KernelsUnavailable as error:
        pytest.skip(str(error))


def test_without_any_kernels(monkeypatch, refusal):
    monkeypatch.setattr(choice, "load_library", refuse("no C++ compiler was found on PATH"))
    for precision in ("32", "bf16"):
        found = choose("auto", "cpu", precision)
        assert (found.scans, found.name, found.device) == (scans, "lean", "cpu")
        assert "no C++ compiler" in found.line
    for kernel in ("fused", "events"):
        line = refusal(choose, kernel, "cpu")
        assert line == (
            f"params.yaml: compute.kernel is {kernel} but no C++ compiler was found on PATH; change that, or use kernel: auto"
        )


def test_without_the_event_kernels_alone(monkeypatch, compiled, refusal):
    monkeypatch.setattr(choice, "load_events", refuse("g++ failed: error: no such thing"))
    found = choose("auto", "cpu", "bf16")
    assert (found.scans, found.name) == (fused_scans, "fused")
    assert "dense synapses (g++ failed: error: no such thing)" in found.line
    assert choose("fused", "cpu", "bf16").scans is fused_scans
    assert "compute.kernel is events but g++ failed" in refusal(choose, "events", "cpu", "bf16")


def test_on_cuda_without_triton(monkeypatch, refusal):
    monkeypatch.setattr(choice, "triton_trouble", lambda: "triton is not installed")
    found = choose("auto", "cuda", "bf16")
    assert (found.scans, found.name, found.device, found.dtype) == (scans, "lean", "cuda", torch.bfloat16)
    assert "triton is not installed" in found.line
    line = refusal(choose, "triton", "cuda")
    assert line == "params.yaml: compute.kernel is triton but triton is not installed; change that, or use kernel: auto"
    for kernel in ("fused", "events"):
        assert f"compute.kernel is {kernel} but compiled kernels are for CPUs" in refusal(choose, kernel, "cuda")
    assert choose("lean", "cuda").line == "neurons: lean scans in torch operations (compute.kernel: lean)"


def test_on_cuda_with_triton(monkeypatch):
    pytest.importorskip("triton")
    from pipeline.neuron.triton import scans as triton_scans

    monkeypatch.setattr(choice, "triton_trouble", lambda: "")
    for kernel in ("auto", "triton"):
        found = choose(kernel, "cuda", "bf16")
        assert (found.scans, found.name, found.device, found.dtype) == (triton_scans, "triton", "cuda", torch.bfloat16)


@pytest.mark.parametrize(("precision", "name", "dtype"), [("32", "fused", torch.float32), ("bf16", "events", torch.bfloat16)])
def test_auto_on_a_cpu_with_a_compiler(precision, name, dtype, compiled):
    found = choose("auto", "cpu", precision)
    assert (found.name, found.device, found.dtype) == (name, "cpu", dtype)
    assert {kernel: choose(kernel, "cpu", precision).name for kernel in NAMES} == {kernel: kernel for kernel in NAMES}


def test_measurements_on_the_cpu_take_an_engine_that_runs_there(compiled):
    """The engine that auto would take on a GPU is none that a measurement on the CPU should have."""
    assert choice.on_cpu("auto", "bf16").name == "events"
    assert [choice.on_cpu(kernel, "32").name for kernel in NAMES] == list(NAMES)
    assert choice.on_cpu("auto", "32").device == "cpu"


def test_a_folder_that_cannot_be_made_is_no_end(compiled, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(library.KernelsUnavailable, match=r"could not be kept or loaded .*; set XDG_CACHE_HOME"):
        library.build(library.SOURCE, library.SIGNATURES)


def test_what_the_compiler_said_is_in_the_message(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "broken.cpp"
    source.write_text("int main() { return nothing; }\n")
    with pytest.raises(library.KernelsUnavailable, match=r"failed: .*error: .*nothing"):
        library.build(source, {})
    assert not list((tmp_path / "cache/bloctrain").iterdir())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="processors of another kind")
@pytest.mark.parametrize("processor", ["x86-64", "haswell", "skylake-avx512", "cascadelake", "icelake-server"])
@pytest.mark.parametrize("source", [library.SOURCE, synapses.SOURCE], ids=["fused", "events"])
def test_the_kernels_compile_for_other_processors(source, processor, compiled):
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    flags = [flag for flag in library.FLAGS if flag not in ("-march=native", "-shared", "-O3")]
    done = subprocess.run(
        [compiler, *flags, f"-march={processor}", "-fsyntax-only", str(source)], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
