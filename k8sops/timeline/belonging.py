"""Whose a pod or ReplicaSet is, told by its name: controllers name what they make by a fixed rule.

Random parts are of an alphabet without vowels (apimachinery, util/rand); ordinals and Job times are numbers. Used to
put things side by side and to fold what is alike, where the objects themselves may be long gone. And which events a
pod's coming to be consists of.
"""

from __future__ import annotations

import re
from typing import Final

LIFE: Final = ("Scheduled", "Pulling", "Pulled", "Created", "Started")
"""Events that every pod has that comes to be, in this order."""
_RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_REPLICA_SET: Final = re.compile(rf"(.+)-{_RANDOM}{{5,10}}")
_POD: Final = re.compile(rf"(.+?)(-{_RANDOM}{{8,10}})?-(?:{_RANDOM}{{5}}|\d{{1,9}})")
_CONTAINER: Final = re.compile(r" \([^()]*\)$")
_CONTROLLERS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job")


def bare(subject: str) -> str:
    """The subject without its container."""
    return _CONTAINER.sub("", subject)


def workload_of(subject: str) -> tuple[str, ...]:
    """The subject itself, and what it would belong to by its name."""
    alone = bare(subject)
    kind, _, path = alone.partition(" ")
    if kind == "ReplicaSet" and (match := _REPLICA_SET.fullmatch(path)):
        return alone, f"Deployment {match[1]}"
    if kind == "Pod" and (match := _POD.fullmatch(path)):
        owners = tuple(f"{controller} {match[1]}" for controller in _CONTROLLERS)
        return alone, *owners, f"ReplicaSet {match[1]}{match[2] or ''}"
    return (alone,)


def family_of(subject: str) -> str:
    """What pods of one workload have in common, `Pod shop/web (app)`, and all nodes; any other subject as it is."""
    alone = bare(subject)
    kind, _, path = alone.partition(" ")
    if kind == "Node":
        return kind
    pattern = {"Pod": _POD, "ReplicaSet": _REPLICA_SET}.get(kind)
    match = pattern.fullmatch(path) if pattern is not None else None
    return f"{kind} {match[1]}{subject[len(alone) :]}" if match is not None else subject
