"""Run the commands that pages of the documentation show, as a reader would: `python -m tools.walk docs/tutorial-*.md`.

Lines that begin with `$ ` in blocks marked `console` are run in a new clone of the last commit, which has this project's
environment and DVC cache. With --write what they print replaces what stands below them; `console tail=5` keeps five lines.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.imports import ROOT

BLOCK = re.compile(r"^```console(?: tail=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Exit with 1 where a command fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="put what the commands print into the pages")
    arguments = parser.parse_args()
    for page in arguments.pages:
        with TemporaryDirectory() as folder:
            text = walk(page.read_text(encoding="utf-8"), clone(Path(folder) / "clone"))
        if arguments.write:
            page.write_text(text, encoding="utf-8")


def clone(folder: Path) -> Path:
    """A clone of the last commit, set up without an installation."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    exclude = folder / ".git/info/exclude"  # the link, which the pattern for a folder leaves to git
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text(".venv\n", encoding="utf-8")
    for name in ("pyproject.toml", "constraints.txt"):
        os.utime(folder / name, (0, 0))  # older than .venv/.done: nothing to install
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {ROOT / '.dvc/cache'}\n", encoding="utf-8")
    for name, value in (("name", "A Reader"), ("email", "reader@example.org")):
        subprocess.run(["git", "config", f"user.{name}", value], cwd=folder, check=True)
    return folder


def walk(text: str, folder: Path) -> str:
    """The page with what its commands print in `folder`; exits at the first that fails."""

    def run(block: re.Match[str]) -> str:
        lines = []
        for command in re.findall(r"^\$ (.*)$", block[2], re.MULTILINE):
            lines += [f"$ {command}", *printed(command, folder)[-int(block[1] or 0) :]]
        info = f"console tail={block[1]}" if block[1] else "console"
        return "\n".join([f"```{info}", *lines, "```"])

    return BLOCK.sub(run, text)


def printed(command: str, folder: Path) -> list[str]:
    """The lines that a command prints, whose last drawing stands for a progress bar."""
    print(f"$ {command}", flush=True)
    environment = os.environ | {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}", "COLUMNS": "160", "PAGER": "cat"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)  # fmt: skip
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: `{command}` ended with {done.returncode}")
    shown = [line.rpartition("\r")[2].rstrip().replace(str(folder), "~/bloctrain") for line in done.stdout.splitlines()]
    return [line for line in shown if line]


if __name__ == "__main__":
    main()
