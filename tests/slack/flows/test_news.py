"""What policy sends to a channel where nobody asked: once, as a card that stays true, and only while it is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.outbox import put_out, undelivered
from k8sops.store.schema import outbox
from k8sops_slack.bot.following import NEWS_LASTS
from tests.service.chat.office import TEAM, open_office
from tests.slack.flows.conftest import OPS, Desk, opened
from tests.support.engine_world import eventually

NOTIFY = {"notify": [{"on": ["succeeded", "backup.overdue"], "team": TEAM, "channel": OPS}]}


@pytest.fixture
async def telling(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The bot; what succeeds is told to a channel."""
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, slack=NOTIFY) as found,
    ):
        yield found


async def again(
    desk: Desk, run: str, *, ago: timedelta, kind: str = "succeeded", text: str = "again"
) -> None:
    """News in the outbox, as though it had happened so long ago; returns when the bot has it."""
    storage = Storage(desk.office.config, SystemClock(), UlidSource())
    database, notice = await storage.database(), UlidSource().new()

    def work(tx: Tx) -> None:
        put_out(tx, notice, kind, run, {"text": text})
        at = tx.now_ms() - int(ago.total_seconds() * 1000)
        tx.execute(outbox.update().where(outbox.c.id == notice).values(at=at))

    async def taken() -> bool:
        return notice not in [one.id for one in await database.read(undelivered)]

    await database.write(work, name="test.again")
    await eventually(taken)
    await storage.aclose()


async def test_news_go_to_their_channel_once_and_what_is_old_is_none(telling: Desk) -> None:
    """A bot that is begun on a store of months must not say all of it at once."""
    desk = telling
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --on prod-eu")
    own = await desk.message(desk.direct("alice"), "Apply")
    await alice.click(own, "run.apply")
    await desk.shown("bob", OPS, "done in", "3 of 3 replicas ready")
    (told,) = [one for one in desk.slack.messages(OPS) if "done in" in str(one.blocks)]
    run = _run_of(str(told.blocks))

    async def remembered() -> bool:
        return any(one.user == OPS for one in await desk.chat.memory.shown(run))

    await eventually(remembered)
    for message in await desk.chat.memory.shown(run):
        await desk.chat.memory.gone(message)
    before = len(desk.slack.messages(OPS))
    await again(desk, run, ago=NEWS_LASTS + timedelta(minutes=1))
    assert len(desk.slack.messages(OPS)) == before
    await again(desk, run, ago=timedelta(minutes=1))
    assert len(desk.slack.messages(OPS)) == before + 1


async def test_what_is_of_no_run_is_told_in_its_own_sentence(telling: Desk) -> None:
    """A backup that is overdue has no card; and what a cluster calls itself mentions nobody."""
    text = "the newest complete backup of <!channel> is 30 h old; 26 h are allowed"
    await again(telling, "", ago=timedelta(minutes=1), kind="backup.overdue", text=text)
    (told,) = telling.slack.messages(OPS)
    assert "is 30 h old" in told.all_text()
    assert "<!channel>" not in told.all_text()


def _run_of(blocks: str) -> str:
    return blocks.partition("'value': '")[2].partition(" ")[0]
