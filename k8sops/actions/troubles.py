"""The pods of a workload that are not ready, and why, in one clause: what a wait says when its time is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from k8sops.actions.workload import pod_is_ready, pod_trouble
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject

TROUBLE_SHOWN: Final = 3
LAST_LOOK_S: Final = 5.0


async def pods_in_trouble(pods: Callable[[], AsyncIterator[JsonObject]]) -> str:
    """` (web-1: container app is not ready; …; and 4 more)`, or nothing; a last look takes at most five seconds."""
    try:
        async with asyncio.timeout(LAST_LOOK_S):
            found = [
                f"{pod['metadata']['name']}: {pod_trouble(pod)}"
                async for pod in pods()
                if not pod_is_ready(pod)
            ]
    except (K8sOpsError, TimeoutError):
        return " (its pods could not be read)"
    more = f"; and {len(found) - TROUBLE_SHOWN} more" if len(found) > TROUBLE_SHOWN else ""
    return f" ({'; '.join(found[:TROUBLE_SHOWN])}{more})" if found else ""
