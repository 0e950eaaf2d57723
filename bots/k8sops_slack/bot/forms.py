"""Forms: an action's dialog opened, searched, widened, and taken back as what a line would have said.

The dialog holds all there is to know of it. What it is searched for is read from the cluster as the person who types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.errors import ForbiddenError, K8sOpsError, UsageError
from k8sops.core.object_names import namespaces_asked
from k8sops.core.ops import Ops
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import Row, TableQuery
from k8sops.service.catalog import all_actions, spec_named
from k8sops.service.chat.acting import Acting
from k8sops.service.chat.opening import ChatService
from k8sops.service.command_line.away import AwayCommand
from k8sops.service.command_line.checking import typable
from k8sops.service.offering_policy import Meant, reason_wanted
from k8sops_slack.blocks.building import Block, option, section, static_select
from k8sops_slack.blocks.limits import METADATA, size
from k8sops_slack.blocks.markup import short, written
from k8sops_slack.blocks.sending import modal
from k8sops_slack.bot.heard import Body, Heard, team_of
from k8sops_slack.cards.words import where
from k8sops_slack.reads.help import FORM
from k8sops_slack.views.choosing import cluster_dialog
from k8sops_slack.views.form import (
    FIELD,
    FormPlace,
    choices,
    filled_in,
    form,
    form_errors,
    read_place,
    reason_of,
)
from k8sops_slack.views.form_fields import kinds_named
from k8sops_slack.views.found_names import in_namespace

SEARCH_S: Final = 2.0
"""Slack waits three seconds for what is found; then nothing can be chosen."""
NAMESPACES: Final = 30
"""In so many somebody's names are looked for who may not list them all at once."""
WANTED: Final = 600
"""Characters of what a reason has to be: patterns are as long as whoever wrote the policy likes."""


class Forms:
    """Everything about forms but opening and sending them."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    def begun(self, command: AwayCommand, heard: Heard) -> FormPlace:
        """What a form is for, with what was typed before it; what it leads to is said where it was asked for."""
        return FormPlace(
            action=command.action,
            cluster="",
            channel=heard.channel,
            thread=heard.thread,
            given=command.params,
            reason=command.reason,
            only_plan=command.only_plan,
            hold=command.hold,
        )

    async def opened(self, place: FormPlace, cluster: ClusterInfo, actor: Actor) -> Block:
        """The form on a cluster. A reason is needed where policy wants one in any case; else it is asked for later."""
        action = spec_named(place.action).name
        asked = namespaces_asked(place.given)
        namespace = asked[0] if len(asked) == 1 else ""
        # Of what kind the objects are, and what they are called, is not known yet.
        meant = Meant(kind="", namespace=namespace, names=("",), actor=actor)
        policy = await self._chat.desk.policy()
        wanted = "" if place.only_plan else reason_wanted(policy, action, cluster, meant, self._chat.clock)
        begun = msgspec.structs.replace(
            place,
            action=action,
            cluster=cluster.uid,
            where=where(cluster),
            reason_wanted=short(wanted, WANTED),
            given={},
            reason="",
        )
        return form(begun, place.given, place.reason)

    def which_cluster(self, place: FormPlace) -> Block:
        """What is asked before the form where nothing says on which cluster. Raises UsageError."""
        if size(place.metadata) > METADATA:
            raise UsageError("that is too long to be asked back", hint="name the cluster with --cluster")
        return cluster_dialog(place, self._chat.desk.clusters, self._chat.desk.away)

    def widened(self, view: Body) -> Block:
        """The same form with every field, and what was filled in so far."""
        place = read_place(str(view["private_metadata"]))
        values = view["state"]["values"]
        given = filled_in(place.action, values)
        return form(msgspec.structs.replace(place, more=True), given, reason_of(values))

    def wrong(self, view: Body) -> dict[str, str]:
        """What is wrong with what was sent, by block; nothing where it can be planned."""
        place, values = read_place(str(view["private_metadata"])), view["state"]["values"]
        return form_errors(place.action, filled_in(place.action, values), values)

    def sent(self, body: Body, run_id: str) -> Heard:
        """What was sent, as it is kept."""
        view = body["view"]
        place, values = read_place(str(view["private_metadata"])), view["state"]["values"]
        return Heard(
            key=f"view/{view['id']}",
            kind="form",
            team=team_of(body),
            user=str(body["user"]["id"]),
            channel=place.channel,
            thread=place.thread,
            action=place.action,
            cluster=place.cluster,
            params=filled_in(place.action, values),
            text=reason_of(values),
            only_plan=place.only_plan,
            hold=place.hold,
            run_id=run_id,
            trigger=str(body.get("trigger_id") or ""),
        )

    async def found(self, body: Body, acting: Acting) -> list[Block]:
        """Names in the cluster that fit what was typed into a field; the words themselves where nothing is found."""
        place = read_place(str(body["view"]["private_metadata"]))
        field = str(body["block_id"]).removeprefix(FIELD)
        typed = str(body.get("value") or "")
        kinds = kinds_named(spec_named(place.action), field)
        values = (body["view"].get("state") or {}).get("values") or {}
        namespace = str(filled_in(place.action, values).get("namespace") or "")
        if not namespace and "namespace" not in typable(place.action):
            namespace = acting.ops.default_namespace
        asked = (_names(acting.ops, kind, namespace, bare=len(kinds) == 1) for kind in kinds)
        return choices([name for names in await asyncio.gather(*asked) for name in names], typed)


async def _names(ops: Ops, kind: str, namespace: str, *, bare: bool) -> list[str]:
    """What there is of a kind; what may not be listed, or comes too late, is typed in full instead."""
    with suppress(K8sOpsError, TimeoutError):
        async with asyncio.timeout(SEARCH_S):
            rows = await _rows(ops, kind, namespace)
        single = "" if bare else f"{kind.partition('.')[0].removesuffix('s')}/"
        names = ((row.namespace, f"{single}{row.name}") for row in rows)
        return [in_namespace(place, name) if place and not namespace else name for place, name in names]
    return []


async def _rows(ops: Ops, kind: str, namespace: str) -> Sequence[Row]:
    """In a namespace, else in all of them, else in each that this person may list."""
    try:
        return (await ops.table(TableQuery(kind=kind, namespace=namespace))).rows
    except ForbiddenError:
        if namespace:
            raise
    places = [ops.default_namespace]
    with suppress(ForbiddenError):
        table = await ops.table(TableQuery(kind="namespaces"))
        places = [*dict.fromkeys([*places, *(row.name for row in table.rows)])][:NAMESPACES]
    listed = await asyncio.gather(*(_listed(ops, kind, place) for place in places))
    return [row for rows in listed for row in rows]


async def _listed(ops: Ops, kind: str, namespace: str) -> Sequence[Row]:
    with suppress(ForbiddenError):
        return (await ops.table(TableQuery(kind=kind, namespace=namespace))).rows
    return ()


def actions_dialog(refused: Sequence[str] = ()) -> Block:
    """Which action: every one that can be asked for here."""
    options = [
        option(f"{spec.typed}: {spec.summary}", spec.name)
        for spec in all_actions()
        if spec.name not in refused
    ]
    chosen = static_select(FORM, options, hint="Choose an action")
    blocks = [section(written("What is to be done?"), accessory=chosen)]
    return modal("Run an action", "form.action", blocks)
