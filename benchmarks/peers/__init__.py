"""The same network in each peer framework, from this project's weights."""

from importlib import import_module
from importlib.util import find_spec

PEERS = ("spikingjelly", "snntorch", "norse")
UNTUNED = "-untuned"
"""Ends the name of a peer that runs as its tutorials run it."""


def installed() -> list[str]:
    """The peers that can be imported; `pip install -e '.[benchmark]'` brings them."""
    return [name for name in PEERS if find_spec(name) is not None]


def neurons_of(name: str):
    """The neuron factories and the stated differences of a peer (a `common.Peer`)."""
    return import_module(f"benchmarks.peers.{name.removesuffix(UNTUNED)}").PEER
