"""Which of the namespaces that were named are not there: a list in one of those is empty, as in a calm one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.core.ports import Resource
from k8sops.logs.targets import PodReader

NAMESPACES: Final = Resource(
    group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False, singular="namespace"
)


async def absent(cluster: PodReader, namespaces: Iterable[str]) -> list[str]:
    """Those of these that do not exist; one that may not be looked at is taken to."""
    missing = []
    for name in namespaces:
        try:
            await cluster.get(NAMESPACES, name)
        except NotFoundError:
            missing.append(name)
        except ForbiddenError:
            continue
    return missing


def none_there(names: Sequence[str]) -> NotFoundError:
    """That none of these namespaces exists."""
    if len(names) == 1:
        return NotFoundError(f"namespace {names[0]} does not exist")
    return NotFoundError(f"namespaces {', '.join(names[:-1])} and {names[-1]} do not exist")
