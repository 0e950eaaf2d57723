"""Which of the namespaces that were named are not there: a list in one of those is empty, as in a calm one."""

from __future__ import annotations

from collections.abc import Iterable

from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.logs.targets import PodReader


async def absent(cluster: PodReader, namespaces: Iterable[str]) -> list[str]:
    """Those of these that do not exist; one that may not be looked at is taken to."""
    kind, missing = await cluster.resource("namespaces"), []
    for name in namespaces:
        try:
            await cluster.get(kind, name)
        except NotFoundError:
            missing.append(name)
        except ForbiddenError:
            continue
    return missing
