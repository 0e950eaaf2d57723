"""One object made or changed: sent again while what it needs is still on its way, and never done twice.

A create whose answer was lost finds the object there, and compares; what was deleted to be made anew and is then
refused is put back as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

from k8sops.actions.backups.restoring.deciding import Verb, takes_over
from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.hushing import hushed
from k8sops.actions.backups.restoring.ownership import Owners
from k8sops.actions.backups.restoring.pace import Pace
from k8sops.actions.backups.restoring.pairing import Live, Pair
from k8sops.actions.backups.restoring.preparing import Restore
from k8sops.actions.backups.restoring.trying import FIELD_MANAGER
from k8sops.actions.objects.gone import what_holds
from k8sops.backup.listing import Row
from k8sops.core.clock import Clock
from k8sops.core.errors import (
    AlreadyExistsError,
    ClusterError,
    ForbiddenError,
    K8sOpsError,
    NotFoundError,
    ServerError,
    UnreachableError,
    UsageError,
    WaitError,
)
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import Cluster

FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 5.0
_ON_ITS_WAY: Final = (
    "error looking up service account",
    "no PriorityClass with name",
    "status unknown for quota",
)
"""Refusals that end by themselves: what they ask for was made a moment ago, and is not seen yet."""
_NEVER: Final = "field not declared in schema"
"""How server-side apply refuses an unknown field, with status 500."""


class Patience:
    """How long failures that may end by themselves are waited out, by all objects of one step together.

    It is used up by failures in a row: as soon as something succeeds there is as much of it again.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock: Final = clock
        self._seconds: Final = seconds
        self._since: float | None = None

    def fine(self) -> None:
        """Something succeeded."""
        self._since = None

    def left(self) -> bool:
        """Whether to try again."""
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < self._seconds


class Acting:
    """Makes and changes objects of one restore."""

    def __init__(self, restore: Restore, cluster: Cluster, pace: Pace, owners: Owners, clock: Clock) -> None:
        self._restore: Final = restore
        self._cluster: Final = cluster
        self._pace: Final = pace
        self._owners: Final = owners
        self._clock: Final = clock
        self.unlinked: Final[list[tuple[Group, Row]]] = []
        """What was made before an owner of it."""

    async def do(self, verb: Verb, group: Group, pair: Pair, patience: Patience) -> bool:
        """Do what was decided; False where what was to be made was there already, and is not this run's to delete.

        Raises K8sOpsError with the reason where it cannot be done.
        """
        live = pair.live.body if pair.live is not None else {}
        with hushed(group.qualified, pair.wanted, live):
            return await self._do(verb, group, pair, patience)

    async def _do(self, verb: Verb, group: Group, pair: Pair, patience: Patience) -> bool:
        match verb:
            case "create":
                return await self._create(group, pair, patience)
            case "update":
                await self._update(group, pair, patience)
            case "recreate":
                await self._recreate(group, pair, patience)
            case "rebind":
                await self._rebind(group, pair)
            case _:
                raise AssertionError(f"{verb} changes nothing")
        return True

    async def _create(self, group: Group, pair: Pair, patience: Patience) -> bool:
        """Whether it was made here, and not there already."""
        if pair.live is not None and not pair.live.deleting:
            found, ours = await self._there_already(group, pair, patience), False
        else:
            found, ours = await self._make(group, pair, patience)
        self._owners.made(pair.row.uid, found)
        if len(self._owners.linked(pair.owners)) < len(pair.owners):
            self.unlinked.append((group, pair.row))
        await self._with_status(group, pair, patience)
        return ours

    async def _make(self, group: Group, pair: Pair, patience: Patience) -> tuple[JsonObject, bool]:
        """The object as it is then, and whether it was made here: so it may have been where an answer was lost."""
        if pair.live is not None:
            await self.wait_gone(group, pair, pair.live.uid)
        manifest = self._manifest(pair)
        strict = bool(group.stored_as)
        lost = False

        async def send() -> JsonObject:
            nonlocal lost
            try:
                return await self._cluster.create(group.resource, manifest, strict=strict, retry_429=False)
            except K8sOpsError as error:
                lost = lost or error.outcome_unknown
                raise

        try:
            return await self._patiently(send, patience), True
        except AlreadyExistsError:
            return await self._there_already(group, pair, patience), lost

    async def _there_already(self, group: Group, pair: Pair, patience: Patience) -> JsonObject:
        """It is there: made by us with the answer lost, or by whoever makes one for every namespace."""
        found = await self._restore.survey.again(group, pair)
        live, judgement = found.live, found.judgement
        if live is None or judgement is None:
            raise NotFoundError(f"{pair.target.label} came and went while it was being restored")
        if not judgement.equal:
            if not takes_over(group, found, force=False):
                raise AlreadyExistsError(
                    f"{pair.target.label} appeared meanwhile and is other than in the backup: {judgement.text}"
                )
            await self._update(group, found, patience)
        return {"metadata": {"uid": live.uid}}

    async def _update(self, group: Group, pair: Pair, patience: Patience) -> None:
        force = takes_over(group, pair, force=self._restore.params.force_conflicts)
        send = partial(
            self._cluster.apply,
            group.resource,
            pair.wanted,
            field_manager=FIELD_MANAGER,
            force=force,
            strict=bool(group.stored_as),
            retry_429=False,
        )
        made = await self._patiently(send, patience)
        self._owners.made(pair.row.uid, made)
        await self._with_status(group, pair, patience)

    async def _recreate(self, group: Group, pair: Pair, patience: Patience) -> None:
        live = pair.live
        if live is None:
            await self._create(group, pair, patience)
            return
        target = pair.target
        with suppress(NotFoundError):
            await self._cluster.delete(
                group.resource, target.name, target.namespace, uid=live.uid, propagation="Foreground"
            )
        gone = Pair(row=pair.row, target=target, wanted=pair.wanted, owners=pair.owners)
        try:
            await self.wait_gone(group, pair, live.uid)
            await self._create(group, gone, patience)
        except UnreachableError as error:
            # Whatever was sent last may have been carried out: putting the old one back could be in its way.
            raise type(error)(
                f"{target.label} was deleted, and it is not known whether it was made anew: {error.message}",
                outcome_unknown=True,
            ) from error
        except (ClusterError, UsageError) as error:
            raise await self._put_back(group, pair, live, error) from error

    async def _put_back(self, group: Group, pair: Pair, live: Live, refused: K8sOpsError) -> K8sOpsError:
        """What was deleted for nothing is made again as it was."""
        body = live.body
        if live.owners:
            owners = [msgspec.to_builtins(one) for one in live.owners]
            body = {**body, "metadata": {**body["metadata"], "ownerReferences": owners}}
        try:
            await self._pace.send(partial(self._cluster.create, group.resource, body, retry_429=False))
        except K8sOpsError as error:
            return ClusterError(
                f"{pair.target.label} was deleted and cannot be made as in the backup: {refused.message}; "
                f"nor as it was: {error.message}"
            )
        return ClusterError(
            f"{pair.target.label} cannot be made as in the backup, and was put back as it was: {refused.message}"
        )

    async def _rebind(self, group: Group, pair: Pair) -> None:
        """A released volume forgets the claim that is gone, so that the restored one of the same name is bound."""
        live = pair.live
        if live is None:
            return
        body = {
            "metadata": {"uid": live.uid, "resourceVersion": live.resource_version},
            "spec": {"claimRef": {"uid": None, "resourceVersion": None}},
        }
        await self._cluster.patch(group.resource, pair.target.name, body=body)

    async def wait_gone(self, group: Group, pair: Pair, uid: str) -> None:
        """Wait until what is being deleted is gone. Raises WaitError naming what holds it."""
        target = pair.target
        last: JsonObject = {}

        async def gone() -> bool:
            nonlocal last
            try:
                last = await self._cluster.get(group.resource, target.name, target.namespace)
            except NotFoundError:
                return True
            return bool(last["metadata"]["uid"] != uid)

        seconds = float(self._restore.params.timeout)
        if not await self.wait(gone, seconds):
            raise WaitError(
                f"{target.label} is being deleted and not gone after {seconds:g} s: {what_holds(last)}"
            )

    async def wait(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Ask again until it holds, or the time is over; whether it held."""
        deadline = self._clock.monotonic() + seconds
        pause = FIRST_WAIT_S
        while not await condition():
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(pause)
            pause = min(2.0, pause * 1.5)
        return True

    async def _with_status(self, group: Group, pair: Pair, patience: Patience) -> None:
        status = pair.wanted.get("status")
        if group.qualified not in self._restore.survey.rewrite.status_of or not status:
            return
        if group.qualified in self._restore.survey.rewrite.plain_status:
            return
        target: Target = pair.target
        send = partial(
            self._cluster.patch,
            group.resource,
            target.name,
            target.namespace,
            body={"status": status},
            subresource="status",
        )
        await self._patiently(send, patience)

    def _manifest(self, pair: Pair) -> JsonObject:
        links = self._owners.linked(pair.owners) if pair.owners else []
        if not links:
            return pair.wanted
        return {**pair.wanted, "metadata": {**pair.wanted["metadata"], "ownerReferences": links}}

    async def _patiently(
        self, send: Callable[[], Awaitable[JsonObject]], patience: Patience
    ) -> dict[str, Any]:
        pause = FIRST_WAIT_S
        while True:
            try:
                answer = await self._pace.send(send)
            except (ClusterError, UnreachableError, UsageError) as error:
                if not _may_pass(error) or not patience.left():
                    raise
            else:
                patience.fine()
                return answer
            await self._clock.sleep(pause)
            pause = min(LONGEST_WAIT_S, pause * 2)


def _may_pass(error: K8sOpsError) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    if isinstance(error, ServerError | UnreachableError):
        return error.transient and _NEVER not in error.message
    if isinstance(error, ForbiddenError):
        return any(text in error.message for text in _ON_ITS_WAY)
    # A namespace or a kind that was made a moment ago.
    return isinstance(error, NotFoundError)
