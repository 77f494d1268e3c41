"""Predict images with a trained network, leaving early: `python -m stages.predict cat.png photos/`.

One line per image: class, confidence, block at which it left, share of the end-to-end network's operations. Where
`inference.steps` is set, also the time steps after which it left.
"""

import argparse
import json
from pathlib import Path

from pipeline.base.folders import METHODS
from pipeline.predict.answer import as_object, lines
from pipeline.predict.images import image_files
from pipeline.predict.run import Run
from stages.stage import guard


def main(arguments: argparse.Namespace) -> None:
    """Predict and print."""
    files = list(image_files(arguments.images))
    network = Run(arguments.run).network(arguments.network)
    answer = network.predict(files, resize=arguments.resize, theta_conf=arguments.theta_conf)
    if arguments.json:
        for number, path in enumerate(files):
            print(json.dumps(as_object(path, answer, number), ensure_ascii=False))
        return
    print("\n".join(lines(files, answer, steps=network.timed is not None and arguments.theta_conf is None)))


def theta_conf(text: str) -> float | list[float]:
    """One number, or several with commas between them."""
    values = [float(part) for part in text.split(",")]
    return values[0] if len(values) == 1 else values


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path, help="image files, or folders of them")
    parser.add_argument("--json", action="store_true", help="one JSON object per line instead of text")
    parser.add_argument("--theta-conf", type=theta_conf, help="confidence at which an image leaves: one number, or 0.9,1,1")
    parser.add_argument("--network", default="bloctrain", choices=METHODS, help="which network of the run")
    parser.add_argument("--run", type=Path, default=Path(), help="folder of the run, or of a published entry (default: here)")
    parser.add_argument("--resize", action="store_true", help="resize images of another size to the network's")
    guard(lambda: main(parser.parse_args()))
