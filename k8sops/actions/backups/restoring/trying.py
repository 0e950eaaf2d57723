"""What the API server says of an object before it is made or changed: a dry run, with all of admission in it.

What cannot be tried, because its namespace, its kind or a webhook that is asked about it is itself to come, is
`created_unverified`, and says what it waits for. A refusal is told as the server words it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final, Literal

import msgspec

from k8sops.actions.backups.restoring.groups import NAMESPACES_KIND, Chosen, Group
from k8sops.actions.backups.restoring.hushing import hushed
from k8sops.actions.backups.restoring.levels import CRDS
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Pair, Survey
from k8sops.core.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    ServerError,
    UsageError,
)
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import ClusterReader

VerdictName = Literal["created", "changed", "conflict", "refused", "created_unverified"]

FIELD_MANAGER: Final = "k8sops-restore"

_SERVICE: Final = re.compile(r"https://([a-z0-9-]+)\.([a-z0-9-]+)\.svc")
_ACCOUNT: Final = re.compile(r'error looking up service account ([^/\s"]+)/([^:\s"]+)')
_PRIORITY: Final = re.compile(r"no PriorityClass with name (\S+) was found")
_NO_DRY_RUN: Final = "does not support dry run"
_STRICT: Final = "strict decoding error"


def in_words(group: Group, why: str) -> str:
    """Why an object was refused, and that it was asked for in another version than it is stored in, where it was."""
    return f"{group.other_version}: {why}" if group.other_version else why


def _as_version(group: Group) -> str:
    return f"as {group.resource.api_version}" if group.stored_as else ""


class Verdict(msgspec.Struct, frozen=True):
    """What would become of it, why, and which object has to be there before that is known."""

    name: VerdictName
    why: str = ""
    depends: Target | None = None
    there: bool = False
    """What was to be made is there by now."""


class Trials:
    """Dry runs of one restore. `to_come` are the objects that are made by it, as far as they are known."""

    def __init__(
        self,
        cluster: ClusterReader,
        pace: Pace,
        survey: Survey,
        *,
        to_come: Collection[Target],
        chosen: Chosen,
        force: bool,
    ) -> None:
        """`chosen` is told whatever becomes of it: a webhook may wait for what is behind a chosen Service."""
        self._cluster: Final = cluster
        self._pace: Final = pace
        self._survey: Final = survey
        self._to_come: Final = to_come
        self._services: Final = _targets(chosen, "services", survey)
        self._namespaces: Final = _targets(chosen, NAMESPACES_KIND, survey)
        self._force: Final = force

    async def create(self, group: Group, pair: Pair) -> Verdict:
        """Would it be made?"""
        known = self._known(group, pair)
        if known is not None:
            return known
        try:
            with hushed(group.qualified, pair.wanted):
                await self._pace.ask(self._creating(group, pair))
        except (ClusterError, UsageError) as error:
            return self._refusal(group, error)
        return Verdict("created", _as_version(group))

    def _creating(self, group: Group, pair: Pair) -> Callable[[], Awaitable[JsonObject]]:
        return partial(
            self._cluster.preview_create,
            group.resource,
            pair.wanted,
            strict=bool(group.stored_as),
            retry_429=False,
        )

    def _known(self, group: Group, pair: Pair) -> Verdict | None:
        """What can be said without asking."""
        if group.refused:
            return Verdict("refused", group.refused)
        if group.qualified in self._survey.unserved:
            definition = Target(kind=CRDS, name=group.qualified)
            return Verdict("created_unverified", "its kind is restored first", definition)
        if pair.target.namespace in self._survey.gone:
            return self._homeless(pair.target.namespace)
        if pair.live is not None and pair.live.deleting:
            return Verdict("created_unverified", "the one there is being deleted", pair.target)
        return None

    def _homeless(self, namespace: str) -> Verdict:
        wanted = Target(kind=NAMESPACES_KIND, name=namespace)
        if wanted in self._to_come:
            return Verdict("created_unverified", "its namespace is restored first", wanted)
        if wanted in self._namespaces:
            return Verdict("refused", f"its namespace, {namespace}, could not be made")
        why = f"namespace {namespace} does not exist or is being deleted, and is neither in the backup nor selected"
        return Verdict("refused", why)

    async def update(self, group: Group, pair: Pair, *, force: bool) -> Verdict:
        """Would it be changed, and does it take something from somebody?"""
        if group.refused:
            return Verdict("refused", group.refused)
        send = partial(
            self._cluster.preview_apply,
            group.resource,
            pair.wanted,
            field_manager=FIELD_MANAGER,
            force=force or self._force,
            strict=bool(group.stored_as),
            retry_429=False,
        )
        live = pair.live.body if pair.live is not None else {}
        try:
            with hushed(group.qualified, pair.wanted, live):
                await self._pace.send(send)
        except ConflictError as error:
            return Verdict("conflict", error.message)
        except (ClusterError, UsageError) as error:
            return self._refusal(group, error)
        return Verdict("changed", _as_version(group))

    async def recreate(self, group: Group, pair: Pair) -> Verdict:
        """Would it be deleted? Of its successor only the fields can be tried while it is there."""
        if group.refused:
            return Verdict("refused", group.refused)
        if group.stored_as and (known := await self._unfitting(group, pair)):
            return known
        target = pair.target
        send = partial(self._cluster.preview_delete, group.resource, target.name, target.namespace)
        live = pair.live.body if pair.live is not None else {}
        try:
            with hushed(group.qualified, pair.wanted, live):
                await self._pace.send(send)
        except NotFoundError:
            return Verdict("created", _as_version(group))
        except (ClusterError, UsageError) as error:
            return self._refusal(group, error)
        return Verdict("changed", _as_version(group))

    async def _unfitting(self, group: Group, pair: Pair) -> Verdict | None:
        """The refusal of what does not fit the other version: the server tells before it sees that one is there."""
        try:
            with hushed(group.qualified, pair.wanted):
                await self._pace.ask(self._creating(group, pair))
        except InvalidError as error:
            return self._refusal(group, error) if _STRICT in error.message else None
        except (ClusterError, UsageError):
            return None
        return None

    def _refusal(self, group: Group, error: ClusterError | UsageError) -> Verdict:
        if isinstance(error, AlreadyExistsError):
            return Verdict("refused", "it appeared while it was being planned; plan again", there=True)
        if _NO_DRY_RUN in error.message:
            return Verdict("created_unverified", error.message)
        depends = self._depends(error)
        if depends is not None:
            return Verdict("created_unverified", error.message, depends)
        return Verdict("refused", in_words(group, error.message))

    def _depends(self, error: ClusterError | UsageError) -> Target | None:
        """The object to come that the refusal is for want of."""
        if isinstance(error, ServerError) and (found := _SERVICE.search(error.message)):
            service = Target(kind="services", name=found[1], namespace=found[2])
            return service if service in self._services else None
        wanted: Target | None = None
        if found := _ACCOUNT.search(error.message):
            wanted = Target(kind="serviceaccounts", name=found[2], namespace=found[1])
        elif found := _PRIORITY.search(error.message):
            wanted = Target(kind="priorityclasses.scheduling.k8s.io", name=found[1])
        return wanted if wanted in self._to_come else None


def _targets(chosen: Chosen, kind: str, survey: Survey) -> frozenset[Target]:
    """The chosen objects of a kind, where they go."""
    group = chosen.of_kind(kind)
    mapping = survey.rewrite.mapping
    return frozenset(group.target(row, mapping) for row in group.rows) if group else frozenset()
