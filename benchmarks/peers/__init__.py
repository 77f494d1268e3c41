"""The same network in each peer framework, from this project's weights."""

from functools import cache
from importlib import import_module

PEERS = ("spikingjelly", "snntorch", "norse")
UNTUNED = "-untuned"
"""Ends the name of a peer that runs in float32 with torch's default settings."""


@cache
def installed() -> list[str]:
    """The peers that can be imported; `pip install -e '.[benchmark]'` brings them. One that is there but broken is named."""
    return [name for name in PEERS if _imports(name)]


def _imports(name: str) -> bool:
    try:
        neurons_of(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != name:
            print(f"{name} cannot be imported ({error}): left out")
        return False
    except Exception as error:  # whatever a broken installation raises
        print(f"{name} cannot be imported ({type(error).__name__}: {error}): left out")
        return False
    return True


def neurons_of(name: str):
    """The neuron factories and the stated differences of a peer (a `common.Peer`)."""
    return import_module(f"benchmarks.peers.{name.removesuffix(UNTUNED)}").PEER
