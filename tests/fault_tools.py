"""What the fault tests share: processes to kill, results to compare, files to damage."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tiny_pipeline import environment, read_params, stages_run, write_params

LONG = "train_end_to_end@b1"
EPOCHS = 500
MEASURED = ("timing.json", "timings.json", "forward_time.json", "latency.json", "training_time.csv")
"""Names of the files that hold measured times."""
QUOTING = ("reports/report.html", "reports/summary.json", "reports/metrics.json", "reports/tables", "reports/figures")
"""Reports that quote measured times."""


def lengthen(folder: Path) -> Path:
    """Give the stage LONG so many epochs that it can be interrupted; other stages are to be left alone."""
    content = read_params(folder)
    content["training"]["epochs"] = EPOCHS
    write_params(folder, content)
    return folder


def heed_interrupts() -> None:
    """Undo that shells start what they put into the background with SIGINT ignored, which is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A command in a process group of its own, whose output can be waited for."""

    def __init__(self, folder: Path, *command: str):
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(folder),
            process_group=0, preexec_fn=heed_interrupts,
        )  # fmt: skip
        self.output = ""

    def wait_for(self, text: str, times: int = 1) -> bool:
        """Read until `text` came so many times; false where the output ends before that."""
        while self.output.count(text) < times:
            line = self.process.stdout.readline()
            if not line:
                return False
            self.output += line
        return True

    def signal_group(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def kill_after(self, seconds: float) -> None:
        """Kill the whole group (-9) after some seconds, where the command did not end by itself before."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal_group(signal.SIGKILL)
        self.end()

    def end(self) -> str:
        """Wait until the command and all its children closed their output; what they printed."""
        with self.process.stdout as rest:
            self.output += rest.read()
        self.process.wait()
        return self.output


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.1)


def error_lines(output: str) -> list[str]:
    """DVC's lines that name a mistake. There must be no traceback beside them."""
    assert "Traceback" not in output, output
    return [line for line in output.splitlines() if line.startswith("ERROR")]


def own_lines(output: str) -> list[str]:
    """A stage's own lines that name a mistake, beside which DVC says which stage failed."""
    assert "Traceback" not in output, output
    return [line for line in output.splitlines() if line.startswith(("error", "interrupted"))]


def locked(folder: Path) -> dict[str, str]:
    """The digest that dvc.lock holds of every output without measured times."""
    return locked_in((folder / "dvc.lock").read_text())


def locked_in(content: str) -> dict[str, str]:
    """The same from the content of a dvc.lock."""
    stages = yaml.safe_load(content)["stages"].values()
    outs = {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}
    return {path: digest for path, digest in outs.items() if not is_measured(path)}


def files(folder: Path) -> dict[str, str]:
    """The digest of every file under runs/, data/prepared/ and reports/ that holds no measured times."""
    found = [path for name in ("runs", "data/prepared", "reports") for path in (folder / name).rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in found}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items() if not is_measured(name)}


def whole_files(folder: Path) -> dict[str, str]:
    """The same without what an interrupted stage was still writing under another name."""
    return {name: digest for name, digest in files(folder).items() if ".part" not in name}


def half_written(folder: Path, wanted: dict[str, str]) -> set[str]:
    """The files that have their final name, and other content than the finished run's."""
    return {name for name, digest in whole_files(folder).items() if wanted.get(name) != digest}


def last_stage(output: str) -> str:
    """The last stage that DVC says it started."""
    return ["no stage yet", *stages_run(output)][-1]


def is_measured(name: str) -> bool:
    return Path(name).name in MEASURED or name.startswith(QUOTING)


def assert_same(folder: Path, finished: Path) -> None:
    """The same results as the finished run's, in dvc.lock and on disk."""
    assert locked(folder) == locked(finished)
    assert whole_files(folder) == files(finished)


@contextmanager
def mounted(target: Path, *arguments: str) -> Iterator[None]:
    """`mount <arguments> <target>` for a while; skips the test where that is not permitted."""
    done = subprocess.run(["mount", *arguments, str(target)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


def cut(path: Path) -> None:
    """Truncate a file to half its size, as a crash of the machine may."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Turn one bit around near the end of a file, leaving size, mode and time as they are: what a failing disk does."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-5] ^= 4
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cached(folder: Path, name: str) -> Path:
    """The cache object of an output file."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"].values()
    (digest,) = {out["md5"] for stage in stages for out in stage["outs"] if out["path"] == name}
    return folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def damage(path: Path, how) -> None:
    mode = path.stat().st_mode
    path.chmod(0o644)
    how(path)
    path.chmod(mode)
