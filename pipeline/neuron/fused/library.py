"""Build a C++ source with the machine's compiler, once per source, compiler and processor, and load it."""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("kernels.cpp")
# Contraction off: multiply and add round separately, as in the reference, so both give the same spikes.
FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-fPIC", "-shared", "-std=c++17", "-Wno-psabi")
POINTER, COUNT, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
SIGNATURES: dict[str, list[Any]] = {
    "lif_forward": [POINTER] * 4 + [COUNT, COUNT, REAL, REAL, ctypes.c_int],
    "lif_backward": [POINTER] * 3 + [COUNT, COUNT, REAL, REAL, REAL, ctypes.c_int],
    "pool_forward": [POINTER] * 2 + [COUNT] * 6 + [REAL, ctypes.c_int],
    "pool_backward": [POINTER] * 2 + [COUNT] * 6 + [REAL, ctypes.c_int],
    "pack": [POINTER] * 3 + [COUNT],
    "unpack": [POINTER] * 3 + [COUNT],
}


class KernelsUnavailable(Exception):
    """There is no compiler, it failed, or what it made cannot be kept or loaded; the message says which."""


@functools.cache
def load_library() -> ctypes.CDLL:
    """The compiled scans."""
    return build(SOURCE, SIGNATURES)


def build(source: Path, signatures: dict[str, list[Any]]) -> ctypes.CDLL:
    """The library that `source` makes, each function of `signatures` once for float and once for bfloat16.

    torch must be imported first: both then share one OpenMP runtime and one thread pool.

    Raises:
        KernelsUnavailable: no C++ compiler on PATH ($CXX, c++, g++ or clang++), or the build or the loading failed.
    """
    compiler = next(
        (found for name in (os.environ.get("CXX"), "c++", "g++", "clang++") if name and (found := shutil.which(name))), None
    )
    if compiler is None:
        raise KernelsUnavailable("no C++ compiler was found on PATH")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    text = [path.read_text() for path in sorted(Path(__file__).parents[2].rglob("*.?pp"))]  # they include one another
    key = hashlib.sha256("\n".join([*text, version, " ".join(FLAGS), processor()]).encode()).hexdigest()[:24]
    try:
        folder = cache_folder()
        path = folder / f"{source.parent.name}-{key}.so"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _compile(compiler, source, path)
        library = ctypes.CDLL(str(path))
    except (OSError, RuntimeError) as error:  # no home, a read-only or full disk, a folder that nothing may run from
        raise KernelsUnavailable(f"the compiled kernels could not be kept or loaded ({error}); set XDG_CACHE_HOME") from error
    for name, arguments in signatures.items():
        for suffix in ("float", "bfloat16"):
            function = getattr(library, f"{name}_{suffix}")
            function.argtypes, function.restype = arguments, None
    return library


def _compile(compiler: str, source: Path, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    built = subprocess.run([compiler, *FLAGS, "-o", str(partial), str(source)], capture_output=True, text=True, check=False)
    if built.returncode:
        partial.unlink(missing_ok=True)
        said = built.stderr.strip().splitlines() or [f"it ended with {built.returncode}"]
        raise KernelsUnavailable(f"{compiler} failed: {next((line for line in said if 'error' in line), said[0])}")
    partial.replace(path)


def cache_folder() -> Path:
    """Where what is made or measured once per machine is kept. Raises RuntimeError where the user has no home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bloctrain"


def processor() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor() + platform.machine()
