"""From a kind as a person types it to the resource the server means, and an honest word where it cannot be told.

Accepted: plural, singular, kind (any case), short name, each alone, as `name.group` and as `name.version.group`.
Several groups may serve a name: Kubernetes' own groups win over extensions, as with kubectl; between extensions
nobody is preferred, because acting on the wrong kind is worse than asking.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from k8sops.cluster.discovery_fetch import Discovered, discover
from k8sops.cluster.one_line import one_line
from k8sops.core.clock import Clock
from k8sops.core.errors import AmbiguousKindError, UnknownKindError
from k8sops.core.ports import DiscoveryGap, Resource

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

FRESH_S: Final = 600.0
RETRY_S: Final = 5.0
"""An unknown kind or a gap is reason to ask again, but not more often than this."""

BUILT_IN_GROUPS: Final = frozenset(
    {"", "apps", "batch", "autoscaling", "policy", "extensions", "events.k8s.io", "networking.k8s.io"}
    | {"rbac.authorization.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "coordination.k8s.io"}
    | {"apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io", "node.k8s.io"}
    | {"discovery.k8s.io", "certificates.k8s.io", "authentication.k8s.io", "authorization.k8s.io"}
    | {"flowcontrol.apiserver.k8s.io", "resource.k8s.io", "internal.apiserver.k8s.io"}
    | {"storagemigration.k8s.io"}
)


class Discovery:
    """The resources of one cluster, asked for once and again when something is missing."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: Discovered | None = None
        self._asked_at = float("-inf")

    async def found(self, *, no_older_than_s: float = FRESH_S) -> Discovered:
        """What the server serves. Raises UnreachableError and what else `request` raises."""
        async with self._lock:
            age = self._clock.monotonic() - self._asked_at
            if self._found is None or age > no_older_than_s:
                self._found = await discover(self._transport)
                self._asked_at = self._clock.monotonic()
            return self._found

    async def resource(self, kind: str) -> Resource:
        """The resource meant by `kind`. Raises UnknownKindError, AmbiguousKindError."""
        found = await self.found()
        try:
            return resolve(kind, found)
        except UnknownKindError:
            # It may have been defined since.
            again = await self.found(no_older_than_s=RETRY_S)
            if again is found:
                raise
            return resolve(kind, again)

    async def resources(self) -> tuple[Resource, ...]:
        """Every resource once, in the version its group prefers."""
        return preferred((await self.found()).resources)

    async def in_category(self, category: str) -> tuple[Resource, ...]:
        """The resources of a category, such as `all`."""
        return tuple(found for found in await self.resources() if category in found.categories)

    async def gaps(self) -> tuple[DiscoveryGap, ...]:
        """Group versions that could not be discovered, asked for again if the last look is some seconds old."""
        found = await self.found()
        if found.gaps:
            found = await self.found(no_older_than_s=RETRY_S)
        return found.gaps


def preferred(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Each group and plural once, in the first version listed: the server lists the preferred one first."""
    seen: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        seen.setdefault((resource.group, resource.plural), resource)
    return tuple(seen.values())


def resolve(kind: str, found: Discovered) -> Resource:
    """The resource meant by `kind`, by the rules of this module's docstring."""
    typed = kind.strip().lower()
    name, _, suffix = typed.partition(".")
    for matches in (_by_plural, _by_kind, _by_short_name):
        named = [resource for resource in found.resources if matches(resource, name)]
        chosen = _of_group(named, suffix) if suffix else preferred(named)
        if chosen:
            return _one_of(kind, chosen)
    raise _unknown(kind, typed, found)


def _by_plural(resource: Resource, name: str) -> bool:
    return resource.plural == name


def _by_kind(resource: Resource, name: str) -> bool:
    return name in {resource.singular, resource.kind.lower()}


def _by_short_name(resource: Resource, name: str) -> bool:
    return name in resource.short_names


def _of_group(named: Sequence[Resource], suffix: str) -> Sequence[Resource]:
    """Those of the group `suffix`, or of the version and group in it; the bare version means the core group."""
    whole = preferred([resource for resource in named if resource.group == suffix])
    version, _, group = suffix.partition(".")
    return whole or [resource for resource in named if (resource.version, resource.group) == (version, group)]


def _one_of(kind: str, chosen: Sequence[Resource]) -> Resource:
    if len(chosen) == 1:
        return chosen[0]
    built_in = [resource for resource in chosen if resource.group in BUILT_IN_GROUPS]
    if built_in:
        # The server lists its groups by priority, core first.
        return built_in[0]
    names = sorted(resource.qualified for resource in chosen)
    raise AmbiguousKindError(
        f"{one_line(kind, 100)!r} can mean {' or '.join(names)}",
        hint=f"name the group as well, for example {names[0]}",
    )


def _unknown(kind: str, typed: str, found: Discovered) -> UnknownKindError:
    members = sorted(
        found_one.plural for found_one in preferred(found.resources) if typed in found_one.categories
    )
    if members:
        return UnknownKindError(
            f"{kind[:100]!r} is a category, not a kind",
            hint=f"it stands for {', '.join(members)}: name one of them",
        )
    hints = [f"did you mean {' or '.join(near)}?" for near in [_near(typed, found.resources)] if near]
    if found.gaps:
        groups = ", ".join(gap.group_version for gap in found.gaps)
        hints.append(f"it may also be in a group that could not be discovered: {groups}")
    return UnknownKindError(
        f"this cluster has no kind {kind[:100]!r}",
        hint=" ".join(hints) or "`k8sops get` lists any kind the server has",
    )


def _near(typed: str, resources: Sequence[Resource]) -> list[str]:
    name, _, suffix = typed.partition(".")
    readers: tuple[Callable[[Resource], str], ...] = (
        lambda r: r.plural,
        lambda r: r.singular or r.kind.lower(),
    )
    words = {read(resource): resource for resource in preferred(resources) for read in readers}
    close = difflib.get_close_matches(name, [word for word in words if word], n=6, cutoff=0.7)
    ranked = sorted(close, key=lambda word: words[word].group != suffix)
    return list(dict.fromkeys(words[word].qualified if suffix else words[word].plural for word in ranked))[:3]
