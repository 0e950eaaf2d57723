"""What pods and nodes use, against what they asked for, may take and have to give: pure figures and their words.

A figure nobody measured reads `n/a`, one there is nothing to compare with `-`; neither is ever a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from k8sops.forecast.objects import Container, Pod
from k8sops.forecast.quantities import amount
from k8sops.forecast.requests import requests_of
from k8sops.service.live.figure_columns import NODE_COLUMNS, POD_COLUMNS

UNMEASURED: Final = "n/a"
NOTHING: Final = "-"

CPU: Final = "cpu"
MEMORY: Final = "memory"
MEASURED: Final = (CPU, MEMORY)

_MEBI: Final = 1 << 20
_GIBI: Final = 1 << 30

_UNIT_LETTERS: Final = "numkKMGTi"
_CPU_UNITS: Final = MappingProxyType({"n": (1, 1_000_000), "u": (1, 1000), "m": (1, 1), "": (1000, 1)})
_MEMORY_UNITS: Final = MappingProxyType(
    {"": (1, 1), "k": (1000, 1), "Ki": (1 << 10, 1), "Mi": (_MEBI, 1), "Gi": (_GIBI, 1)}
)
"""What one of a unit is, in thousandths of a core and in bytes: times the first, by the second."""

Cells = tuple[str, ...]


class Size(msgspec.Struct, frozen=True, gc=False):
    """What a pod or a container asks for and may take, in thousandths of a core and bytes; None: nothing said."""

    cpu: int | None = None
    memory: int | None = None
    cpu_limit: int | None = None
    memory_limit: int | None = None


class Used(msgspec.Struct, frozen=True, gc=False):
    """What was measured, in thousandths of a core and bytes."""

    cpu: int = 0
    memory: int = 0


class Room(msgspec.Struct, frozen=True, gc=False):
    """What a node has to give."""

    cpu: int = 0
    memory: int = 0
    pods: int = 0


class Load(msgspec.Struct, frozen=True, gc=False):
    """What the pods of a node ask for in sum, and how many they are."""

    cpu: int = 0
    memory: int = 0
    pods: int = 0


def size_of_pod(pod: Pod) -> Size:
    """Requests as the scheduler sums them; a limit only where every container has one, for else there is none."""
    asked = requests_of(pod)
    given = pod.spec.resources.limits if pod.spec.resources is not None else {}
    together = (*pod.spec.containers, *(one for one in pod.spec.init_containers if one.restart_policy))
    return Size(
        asked.get(CPU),
        asked.get(MEMORY),
        amount(CPU, given[CPU]) if CPU in given else _limit(together, CPU),
        amount(MEMORY, given[MEMORY]) if MEMORY in given else _limit(together, MEMORY),
    )


def size_of_container(container: Container) -> Size:
    """Requests and limits as written."""
    asked, given = container.resources.requests, container.resources.limits
    return Size(_amount(asked, CPU), _amount(asked, MEMORY), _amount(given, CPU), _amount(given, MEMORY))


def used_of(usages: Iterable[Mapping[str, str]]) -> Used | None:
    """The sum of what containers use; None where no container was measured."""
    measured = [usage for usage in usages if usage]
    if not measured:
        return None
    cpu = memory = 0
    for usage in measured:
        cpu += _measured(usage.get(CPU, "0"), _CPU_UNITS) or amount(CPU, usage.get(CPU, "0"))
        memory += _measured(usage.get(MEMORY, "0"), _MEMORY_UNITS) or amount(MEMORY, usage.get(MEMORY, "0"))
    return Used(cpu, memory)


def loads_of(pods: Iterable[tuple[str, Size]]) -> dict[str, Load]:
    """Sums by node, of what each of its pods asks for."""
    sums: dict[str, list[int]] = {}
    for node, size in pods:
        total = sums.setdefault(node, [0, 0, 0])
        total[0] += size.cpu or 0
        total[1] += size.memory or 0
        total[2] += 1
    return {node: Load(*total) for node, total in sums.items()}


def pod_cells(used: Used | None, size: Size | None) -> Cells:
    """The cells of `POD_COLUMNS`."""
    size = size or Size()
    if used is None:
        return (UNMEASURED,) * len(POD_COLUMNS)
    return (
        cpu_text(used.cpu),
        memory_text(used.memory),
        _share(used.cpu, size.cpu),
        _share(used.cpu, size.cpu_limit),
        _share(used.memory, size.memory),
        _share(used.memory, size.memory_limit),
    )


def node_cells(used: Used | None, room: Room | None, load: Load | None) -> Cells:
    """The cells of `NODE_COLUMNS`; without a load, the pods may not be read."""
    if room is None:
        return (UNMEASURED,) * len(NODE_COLUMNS)
    asked = load if load is not None else Load()
    known = load is not None
    return (
        f"{asked.pods}/{room.pods}" if known else f"?/{room.pods}",
        cpu_text(used.cpu) if used is not None else UNMEASURED,
        _share(used.cpu, room.cpu) if used is not None else UNMEASURED,
        _share(asked.cpu, room.cpu) if known else UNMEASURED,
        memory_text(used.memory) if used is not None else UNMEASURED,
        _share(used.memory, room.memory) if used is not None else UNMEASURED,
        _share(asked.memory, room.memory) if known else UNMEASURED,
        cpu_text(asked.cpu) if known else UNMEASURED,
        cpu_text(room.cpu),
        memory_text(asked.memory) if known else UNMEASURED,
        memory_text(room.memory),
    )


def cpu_text(thousandths: int) -> str:
    """As `kubectl top` writes it."""
    return f"{thousandths}m"


def memory_text(size: int) -> str:
    """In MiB as `kubectl top` writes it; from 100 GiB on in GiB."""
    return f"{size // _GIBI}Gi" if size >= 100 * _GIBI else f"{size // _MEBI}Mi"


def _measured(text: str, units: Mapping[str, tuple[int, int]]) -> int:
    """A whole number with one of these units, rounded up; 0 where it is zero or written another way.

    As metrics-server writes: nearly every figure is another one, so that exact fractions, kept by their text, would
    take most of a second for ten thousand pods.
    """
    digits = text.rstrip(_UNIT_LETTERS)
    factor, divisor = units.get(text[len(digits) :], (0, 1))
    return -(-int(digits) * factor // divisor) if digits.isdecimal() and digits.isascii() else 0


def _share(used: int, of: int | None) -> str:
    return f"{round(100 * used / of)}%" if of else NOTHING


def _amount(quantities: Mapping[str, str], name: str) -> int | None:
    return amount(name, quantities[name]) if name in quantities else None


def _limit(containers: Iterable[Container], name: str) -> int | None:
    limits = [_amount(one.resources.limits, name) for one in containers]
    return sum(one or 0 for one in limits) if limits and None not in limits else None
