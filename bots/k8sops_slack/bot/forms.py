"""Forms: an action's dialog opened, searched, widened, and taken back as what a line would have said.

The dialog holds all there is to know of it. What it is searched for is read from the cluster as the person who types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from k8sops.core.errors import K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.plan import ClusterInfo
from k8sops.core.tables import TableQuery
from k8sops.service.catalog import all_actions, spec_named
from k8sops.service.chat.acting import Acting
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.building import Block, option, section, static_select
from k8sops_slack.blocks.markup import written
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

SEARCH_S: Final = 2.0
"""Slack waits three seconds for what is found; then nothing can be chosen."""


class Forms:
    """Everything about forms but opening and sending them."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    def opened(
        self, action: str, cluster: ClusterInfo, heard: Heard, given: Mapping[str, Any] | None = None
    ) -> Block:
        """The form of an action on a cluster; what its plan leads to is said where it was asked for."""
        place = FormPlace(
            action=spec_named(action).name,
            cluster=cluster.uid,
            where=where(cluster),
            channel=heard.channel,
            thread=heard.thread,
        )
        return form(place, given)

    def which_cluster(self, action: str, heard: Heard) -> Block:
        """What is asked before the form where nothing says on which cluster."""
        place = FormPlace(
            action=spec_named(action).name, cluster="", channel=heard.channel, thread=heard.thread
        )
        return cluster_dialog(place, self._chat.desk.clusters, self._chat.desk.away)

    def widened(self, view: Body) -> Block:
        """The same form with every field, and what was filled in so far."""
        place = read_place(str(view["private_metadata"]))
        given = filled_in(place.action, view["state"]["values"])
        return form(msgspec.structs.replace(place, more=True), given)

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
            run_id=run_id,
        )

    async def found(self, body: Body, acting: Acting) -> list[Block]:
        """Names in the cluster that fit what was typed into a field; the words themselves where nothing is found."""
        place = read_place(str(body["view"]["private_metadata"]))
        field = str(body["block_id"]).removeprefix(FIELD)
        typed = str(body.get("value") or "")
        kinds = kinds_named(spec_named(place.action), field)
        values = (body["view"].get("state") or {}).get("values") or {}
        namespace = str(filled_in(place.action, values).get("namespace") or acting.ops.default_namespace)
        asked = (_names(acting.ops, kind, namespace, bare=len(kinds) == 1) for kind in kinds)
        return choices([name for names in await asyncio.gather(*asked) for name in names], typed)


async def _names(ops: Ops, kind: str, namespace: str, *, bare: bool) -> list[str]:
    """What there is of a kind; what may not be listed, or comes too late, is typed in full instead."""
    with suppress(K8sOpsError, TimeoutError):
        async with asyncio.timeout(SEARCH_S):
            table = await ops.table(TableQuery(kind=kind, namespace=namespace))
        single = kind.partition(".")[0].removesuffix("s")
        return [row.name if bare else f"{single}/{row.name}" for row in table.rows]
    return []


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
