"""The bot acts as the person who asks, or not at all: the API server decides, under the person's own name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import DeniedError, ForbiddenError, PolicyError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessRequest
from k8sops.core.tables import TableQuery
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.rights import MayNotActAsError
from tests.service.chat.office import TEAM, USERS, Office, chat_user, open_office
from tests.support.persons import granted, rule


@pytest.fixture
async def office(cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path) -> AsyncIterator[Office]:
    """A bot, and a policy that knows alice, bob and carol."""
    async with open_office(cluster, sandbox, tmp_path) as found:
        yield found


async def test_what_is_read_is_what_the_person_may_read(office: Office, cluster_namespace: str) -> None:
    """Else everybody in the channel reads with the bot's rights, which are the sum of everybody's."""
    pods = TableQuery(kind="pods", namespace=cluster_namespace)
    async with (
        office.with_rights("alice", "bob"),
        granted(office.admin, office.called("alice"), rule("", "pods", "list", "get")),
        office.desk() as desk,
    ):
        alice = await desk.acting(chat_user("alice"), office.bot.info.uid)
        bob = await desk.acting(chat_user("bob"), office.bot.info.uid)
        assert (await alice.ops.whoami()).username == office.called("alice")
        assert (await alice.ops.table(pods)).rows is not None
        with pytest.raises(ForbiddenError, match=office.called("bob")):
            await bob.ops.table(pods)


async def test_a_user_nobody_is_mapped_to_may_nothing(office: Office) -> None:
    """Display names and channel names can be taken by anybody; the sentence says what an administrator adds."""
    async with office.desk() as desk:
        for stranger in (
            ChatUser(team=TEAM, user="U0EVE"),
            ChatUser(team="T0002", user=USERS["alice"]),
            ChatUser(team="", user=USERS["alice"]),
        ):
            with pytest.raises(DeniedError, match="does not know who") as told:
                await desk.acting(stranger, office.bot.info.uid)
            assert stranger.user in told.value.hint


async def test_a_person_without_a_name_at_the_cluster_may_nothing(office: Office) -> None:
    """The bot's own credentials are nobody's to borrow."""
    async with office.desk() as desk:
        with pytest.raises(DeniedError, match="does not say as whom the clusters see carol") as told:
            await desk.acting(chat_user("carol"), office.bot.info.uid)
    assert "execute_as.people" in told.value.hint


async def test_a_right_the_bot_lacks_is_told_as_the_role_that_gives_it(office: Office) -> None:
    """Applied as it stands it must be enough, and give no more than this one name."""
    async with office.desk() as desk:
        with pytest.raises(MayNotActAsError, match=f"{office.bot_name} may not act as alice") as told:
            await desk.acting(chat_user("alice"), office.bot.info.uid)
        role, binding = list(yaml.safe_load_all(told.value.manifest))
        assert role["rules"] == [
            {
                "apiGroups": [""],
                "resources": ["users"],
                "resourceNames": [office.called("alice")],
                "verbs": ["impersonate"],
            }
        ]
        assert binding["subjects"][0]["name"] == office.bot_name
        async with _applied(office, role, binding):
            acting = await desk.acting(chat_user("alice"), office.bot.info.uid)
            assert (await acting.ops.whoami()).username == office.called("alice")


async def test_who_is_taken_out_of_the_policy_is_out_at_the_next_word(office: Office) -> None:
    """A bot runs for weeks; who left the company must not go on until somebody restarts it."""
    async with office.with_rights("alice"), office.desk() as desk:
        await desk.acting(chat_user("alice"), office.bot.info.uid)
        office.write_policy(people={"bob": {"slack": [{"team": TEAM, "user": USERS["bob"]}]}}, execute_as={})
        with pytest.raises(DeniedError, match="does not know who"):
            await desk.acting(chat_user("alice"), office.bot.info.uid)
        office.policy_path.write_text("format: 1\nrulez: []\n", encoding="utf-8")
        with pytest.raises(PolicyError, match="rulez"):
            await desk.acting(chat_user("bob"), office.bot.info.uid)


async def test_a_cluster_is_named_or_meant_by_the_channel(office: Office) -> None:
    """A guess could be production."""
    async with office.desk() as desk:
        uid = office.bot.info.uid
        for name in ("prod-eu", "eu", uid):
            assert (await desk.cluster_named(name)).uid == uid
        with pytest.raises(UsageError, match="no cluster 'prod-us' is served here"):
            await desk.cluster_named("prod-us")
        meant = await desk.cluster_of_channel(TEAM, "C0OPS")
        assert meant is not None
        assert meant.uid == uid


@asynccontextmanager
async def _applied(office: Office, *manifests: JsonObject) -> AsyncIterator[None]:
    """What the administrator applies, in force once the authorizer has seen it; taken back at the end."""
    admin = office.admin
    made = [await admin.resource(f"{one['kind']}.rbac.authorization.k8s.io") for one in manifests]
    for resource, manifest in zip(made, manifests, strict=True):
        await admin.create(resource, manifest)
    asked = AccessRequest(verb="impersonate", group="", resource="users", name=office.called("alice"))
    try:
        async with asyncio.timeout(60):
            # The authorizer watches, and tells nobody when it has seen a role.
            while not (await office.bot.can_i(asked)).allowed:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield
    finally:
        for resource, manifest in zip(made, manifests, strict=True):
            await admin.delete(resource, manifest["metadata"]["name"])
