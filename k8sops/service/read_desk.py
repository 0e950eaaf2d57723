"""`core.ops_reading.OpsReading` on one cluster: the store is opened only where a look goes on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditObject
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.releases import Release, ReleaseDetail, Releases
from k8sops.core.uses import Uses
from k8sops.service import helm
from k8sops.service.helm_storage import object_name
from k8sops.service.revealing import record_view, reveal
from k8sops.service.using import used_by

if TYPE_CHECKING:
    from k8sops.core.clock import Clock
    from k8sops.core.timeline import Timeline, TimelineWanted
    from k8sops.service.config import Config
    from k8sops.service.storing import Storage


class ReadDesk:
    """What is read of one cluster beyond its objects."""

    def __init__(
        self,
        reader: ClusterReader,
        storage: Callable[[], Awaitable[Storage]],
        default_namespace: str,
        *,
        config: Config,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._storage = storage
        self._default_namespace = default_namespace
        self._config = config
        self._clock = clock

    async def reveal(self, name: str, namespace: str, actor: Actor) -> JsonObject:
        """A Secret with its values; on record first."""
        where = namespace or self._default_namespace
        return await reveal(self._reader, await self._storage(), name, where, actor)

    async def releases(self, namespace: str = "") -> Releases:
        """The newest revision of every Helm release."""
        return await helm.releases(self._reader, namespace)

    async def release_history(self, namespace: str, name: str) -> tuple[Release, ...]:
        """Every revision of a Helm release."""
        return await helm.history(self._reader, namespace, name)

    async def release(self, release: Release, reveal_to: Actor | None = None) -> ReleaseDetail:
        """A revision of a Helm release, whole; what is masked is shown once that is on record."""
        if reveal_to is not None:
            about = AuditObject(
                kind=release.storage, name=object_name(release), namespace=release.namespace, uid=release.uid
            )
            said = {"release": release.name, "revision": release.revision}
            await record_view(await self._storage(), self._reader, about, reveal_to, **said)
        return await helm.detail(self._reader, release, reveal=reveal_to is not None)

    async def used_by(self, kind: str, name: str, namespace: str = "") -> Uses:
        """Who names an object, and how."""
        return await used_by(self._reader, kind, name, namespace)

    async def timeline(self, wanted: TimelineWanted, told: Callable[[str], None]) -> Timeline:
        """What happened, as far as it can be read."""
        from k8sops.service.redactors import text_redactor
        from k8sops.service.timing.reading import live_timeline

        storage = await self._storage()
        redactor = await text_redactor(self._config, storage)
        return await live_timeline(
            self._reader, wanted, storage=storage, redactor=redactor, clock=self._clock, told=told
        )
