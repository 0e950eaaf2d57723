"""How much a container or a node uses: a function of the seed, the pod's uid and the time, and of nothing else.

Usage moves in two overlaid waves around a part of what the container requests, and never passes its limit. The same
question at the same moment has the same answer in every process.
"""

from __future__ import annotations

import hashlib
import math
import struct
from functools import lru_cache
from typing import Final

import msgspec

from k8sops.sandbox.played.quantities import MEBI

TICK_SECONDS: Final = 15
"""Values stand still in between, as metrics-server's do between two scrapes."""

_UNASKED_CORES: Final = 0.03
_UNASKED_BYTES: Final = 48 * MEBI
_MOST: Final = 0.95
"""Of a limit: a container that came to it would be throttled or killed."""


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """What a container requests and may use, in cores and bytes; 0 where nothing is said."""

    cpu: float = 0.0
    memory: float = 0.0
    cpu_limit: float = 0.0
    memory_limit: float = 0.0


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Cores and bytes."""

    cpu: float
    memory: float


class Meter:
    """Says what is used at a moment."""

    def __init__(self, seed: str) -> None:
        self._seed: Final = seed

    def healthy(self, key: str, bounds: Bounds, moment: float, load: float = 0.0) -> Usage:
        """A container at its work: `load` is what it has to do, in cores; without one it uses a part of its request."""
        a, b, c, d = traits(self._seed, key)
        if load:
            cpu = load * (1 + 0.04 * wave(moment, c, d))
        else:
            middle = bounds.cpu * (0.2 + 0.35 * a) or bounds.cpu_limit * 0.2 or _UNASKED_CORES * (0.3 + a)
            cpu = middle * (1 + 0.25 * wave(moment, c, d))
        rest = bounds.memory_limit * 0.45 or _UNASKED_BYTES * (0.5 + b)
        memory = (bounds.memory * (0.5 + 0.4 * b) or rest) * (1 + 0.04 * wave(moment / 4, d, c))
        return _within(bounds, cpu, memory)

    def crashing(self, key: str, moment: float) -> Usage:
        """A container that ends as soon as it has begun."""
        a, b, c, d = traits(self._seed, key)
        return Usage((0.5 + a) * (1 + 0.2 * wave(moment, c, d)) / 1000, (1 + 2 * b) * MEBI)

    def swelling(self, key: str, bounds: Bounds, moment: float) -> Usage:
        """A container that takes all the memory there is, and is killed for it."""
        a, _, c, d = traits(self._seed, key)
        room = bounds.memory_limit or bounds.memory * 2 or _UNASKED_BYTES * 4
        cpu = (bounds.cpu or _UNASKED_CORES) * (0.8 + 0.2 * a)
        return Usage(cpu, room * (0.95 + 0.04 * wave(moment, c, d)))

    def system(self, node: str, cpu: float, memory: float, moment: float) -> Usage:
        """What a node of this capacity uses for itself, without any pod."""
        a, b, c, d = traits(self._seed, f"node/{node}")
        own = cpu * (0.01 + 0.01 * a) * (1 + 0.2 * wave(moment, c, d))
        return Usage(own, min(memory * 0.1, (600 + 500 * b) * MEBI))


@lru_cache(maxsize=65536)
def traits(seed: str, key: str) -> tuple[float, float, float, float]:
    """Four numbers from 0 to 1 that belong to this key for ever."""
    digest = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=16).digest()
    a, b, c, d = (one / 2**32 for one in struct.unpack(">4I", digest))
    return a, b, c, d


def wave(moment: float, pace: float, shift: float) -> float:
    """From -1 to 1: a slow wave of four to ten minutes with a quick one of one to two on it."""
    slow = math.sin(2 * math.pi * (moment / (240 + 360 * pace) + shift))
    quick = math.sin(2 * math.pi * (moment / (60 + 60 * shift) + pace))
    return 0.7 * slow + 0.3 * quick


def _within(bounds: Bounds, cpu: float, memory: float) -> Usage:
    if bounds.cpu_limit:
        cpu = min(cpu, bounds.cpu_limit * _MOST)
    if bounds.memory_limit:
        memory = min(memory, bounds.memory_limit * _MOST)
    return Usage(cpu, memory)
