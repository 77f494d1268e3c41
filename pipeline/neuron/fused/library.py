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
    """There is no compiler, or it failed; the message says which."""


@functools.cache
def load_library() -> ctypes.CDLL:
    """The compiled scans."""
    return build(SOURCE, SIGNATURES)


def build(source: Path, signatures: dict[str, list[Any]]) -> ctypes.CDLL:
    """The library that `source` makes, each function of `signatures` once for float and once for bfloat16.

    torch must be imported first: both then share one OpenMP runtime and one thread pool.

    Raises:
        KernelsUnavailable: no C++ compiler on PATH ($CXX, c++, g++ or clang++), or the build failed.
    """
    compiler = next(
        (found for name in (os.environ.get("CXX"), "c++", "g++", "clang++") if name and (found := shutil.which(name))), None
    )
    if compiler is None:
        raise KernelsUnavailable("no C++ compiler was found on PATH")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    text = [path.read_text() for path in sorted(Path(__file__).parents[2].rglob("*.?pp"))]  # they include one another
    key = hashlib.sha256("\n".join([*text, version, " ".join(FLAGS), _processor()]).encode()).hexdigest()[:24]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bloctrain"
    path = folder / f"{source.parent.name}-{key}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{path.name}.{os.getpid()}"
        built = subprocess.run([compiler, *FLAGS, "-o", str(partial), str(source)], capture_output=True, text=True, check=False)
        if built.returncode:
            raise KernelsUnavailable(f"{compiler} failed: {built.stderr.strip().splitlines()[:1]}")
        partial.replace(path)
    library = ctypes.CDLL(str(path))
    for name, arguments in signatures.items():
        for suffix in ("float", "bfloat16"):
            function = getattr(library, f"{name}_{suffix}")
            function.argtypes, function.restype = arguments, None
    return library


def _processor() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor() + platform.machine()
