"""What changed since the last backup, told again by the API server instead of read object by object.

A server remembers the last changes of each kind, a hundred and more, and tells them to a watch that begins at an older
state (Kubernetes API concepts, Efficient detection of changes): one request for what would else be one for each object.
Nothing rests on it: what it does not tell, or not in the state that was listed, is left to whoever asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import aclosing
from typing import Final

from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.sources import UNREADABLE, Source
from k8sops.core.ports import ClusterReader
from k8sops.core.raw import RawObject

RETOLD_FROM: Final = 3
"""Objects: fewer are read sooner one by one."""
QUIET_S: Final = 1.0
"""Past changes come at once; a watch that says nothing for so long has none left."""
OTHERS_TOLD: Final = 200
TOLD_PER_WANTED: Final = 4
"""What changed again and again is told each time: after so much the rest costs less by itself."""


async def retold(
    cluster: ClusterReader,
    source: Source,
    namespace: str,
    since: str,
    wanted: MutableMapping[Place, str],
    *,
    quiet_s: float = QUIET_S,
) -> AsyncGenerator[RawObject, None]:
    """Those of the wanted objects (by place their listed resourceVersion) that changed to it after `since`.

    Each is taken out of `wanted` before it is handed on; what is left there was not told. Never raises for a cluster
    that refuses, or remembers too little.
    """
    if not since or len(wanted) < RETOLD_FROM or "watch" not in source.kind.resource.verbs:
        return
    left = OTHERS_TOLD + TOLD_PER_WANTED * len(wanted)
    changes = cluster.changes(
        source.kind.resource, namespace, since=since, label_selector=source.label_selector
    )
    try:
        async with aclosing(changes):
            while wanted and left:
                # Around this wait alone: what is handed on may be stored for as long as that takes.
                async with asyncio.timeout(quiet_s):
                    change = await anext(changes, None)
                if change is None:
                    return
                found, left = change.object, left - 1
                place = (found.namespace, found.name)
                if not change.gone and wanted.get(place) == found.resource_version:
                    del wanted[place]
                    yield found
    except (*UNREADABLE, TimeoutError):
        return
