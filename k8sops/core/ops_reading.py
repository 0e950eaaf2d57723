"""`OpsReading`: what a door sees of objects beyond the objects themselves (`Ops.reading`). Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from k8sops.core.actor import Actor
    from k8sops.core.plan import JsonObject
    from k8sops.core.releases import Release, ReleaseDetail, Releases
    from k8sops.core.timeline import Timeline, TimelineWanted
    from k8sops.core.uses import Uses


class OpsReading(Protocol):
    """Reading that takes more than one request, or goes on record."""

    async def reveal(self, name: str, namespace: str, actor: Actor) -> JsonObject:
        """A Secret with its values as stored; that the actor looked is on record before this returns.

        Without a namespace the default one is meant.

        Raises NotFoundError, ForbiddenError, and what the store raises: what cannot be recorded is not shown.
        """
        ...

    async def releases(self, namespace: str = "") -> Releases:
        """The newest revision of every Helm release, everywhere without a namespace.

        Raises ForbiddenError where Secrets, which Helm keeps releases in unless told otherwise, may not be listed and
        none was found elsewhere.
        """
        ...

    async def release_history(self, namespace: str, name: str) -> tuple[Release, ...]:
        """Every revision of a release that is kept, the newest first. Raises NotFoundError, ForbiddenError."""
        ...

    async def release(self, release: Release, reveal_to: Actor | None = None) -> ReleaseDetail:
        """A revision whole, secrets masked but for who asks, which goes on record first. Raises UsageError."""
        ...

    async def used_by(self, kind: str, name: str, namespace: str = "") -> Uses:
        """Who names an object, and how. Raises UsageError for a kind of which that cannot be told, NotFoundError."""
        ...

    async def timeline(self, wanted: TimelineWanted, told: Callable[[str], None]) -> Timeline:
        """What happened to the cluster, or to what was named, without secrets; `told` hears how far it is.

        What could not be read stands in it as `unknown`. Raises NotFoundError, and where nothing can be read why.
        """
        ...
