"""Log bundles in Slack: to whoever asked, once, redacted, the very bytes of the run; else a word on where they lie."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.core.actor import Actor
from k8sops.core.artifacts import Artifact, ArtifactFile
from k8sops.core.audit import AuditFilter
from k8sops.core.clock import UlidSource
from k8sops.core.plan import Decision
from k8sops.core.run import Run, RunState
from k8sops.service.audit_trail import AuditTrail
from k8sops.service.chat.owed import HELD_MS
from k8sops.service.config import SlackConfig
from k8sops.service.repository_config import RepositoryConfig
from k8sops.service.storing import Storage
from k8sops_local_slack import Message
from k8sops_slack.bot.handing import AGAIN_S
from tests.slack.flows.bots import OPS, TEAM, USERS, Bots, open_bots
from tests.support.bundles_made import keep_bundle
from tests.support.engine_world import ALICE, PlainRules, open_world, serving

IN_SLACK = Actor(name=USERS["alice"], team=TEAM, surface="slack", auth="slack")
FREELY = PlainRules(Decision(effect="confirm", why="test"))
BUNDLE = b"\x28\xb5\x2f\xfd" + b"lines of a shop" * 1000
OPEN = {"log_bundles": [{"team": TEAM, "channel": OPS}]}


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """Two bots; no channel may have bundles."""
    async with open_bots(tmp_path) as found:
        yield found


def archive_in(folder: Path, content: bytes = BUNDLE) -> ArtifactFile:
    """A bundle on this machine."""
    path = folder / "shop.tar.zst"
    path.write_bytes(content)
    return ArtifactFile(path=str(path), bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def artifact(*files: ArtifactFile, **changes: Any) -> Artifact:
    """What a run tells of it."""
    told = Artifact(
        id="01JD7Q8Z4N5X6Y7V8W9ABCDEF1",
        name="shop.tar.zst",
        host=socket.gethostname(),
        redacted=True,
        files=files,
    )
    return msgspec.structs.replace(told, **changes)


async def collected(bots: Bots, told: Artifact, actor: Actor = IN_SLACK, *, shown: bool = True) -> Run:
    """A run that left this and has ended, its card in the channel."""
    async with open_world(bots.world.url, rules=FREELY) as world:
        data = json.dumps(told.as_data())
        run = await world.proposed("ledger", bots.ledger, actor, items=1, tells=data)
        if shown:
            await bots.replicas[0].showing.in_channel(run, TEAM, OPS, to=actor.name)
        await world.desk.start(run.id, actor)
        async with serving(world.carrier()):
            ended = await world.ended(run.id)
    assert ended.state is RunState.SUCCEEDED
    return ended


async def handed(bots: Bots, *, after: timedelta = timedelta()) -> None:
    """Time passes, and both bots look."""
    await bots.round(after=after)
    for bot in bots.replicas:
        await bot.following.handing.round()


async def sent_on_record(bots: Bots, run: Run) -> list[str]:
    """Where the audit trail says that the run's bundle went."""
    config = bots.replicas[0].chat.bundles.config
    storage = Storage(config, bots.clock, UlidSource())
    try:
        wanted = AuditFilter(code="bundle.exported", run=run.id)
        found = await AuditTrail(storage, config, bots.clock).find(wanted)
    finally:
        await storage.aclose()
    return [str(one.record.data["to"]) for one in found if one.record is not None]


def files_of(bots: Bots, messages: list[Message]) -> list[bytes]:
    """What was put there."""
    return [bots.slack.world.files.get(name).content or b"" for one in messages for name in one.files]


def said(messages: list[Message]) -> str:
    """All of it."""
    return "\n".join(one.all_text() for one in messages)


async def test_a_bundle_goes_to_whoever_asked_and_the_thread_hears_only_that_it_was_sent(
    bots: Bots, tmp_path: Path
) -> None:
    """Everybody in the channel may follow the run; the lines are for whoever asked, by policy's word for others."""
    run = await collected(bots, artifact(archive_in(tmp_path)))
    await handed(bots)
    assert files_of(bots, bots.direct("alice")) == [BUNDLE]
    assert "Log bundle of" in said(bots.direct("alice"))
    assert (bots.direct("bob"), bots.direct("carol")) == ([], [])
    channel = bots.slack.messages(OPS)
    assert files_of(bots, channel) == []
    assert f"was sent to <@{USERS['alice']}> directly" in said(channel)
    assert "shop.tar.zst" not in said(channel[1:])
    assert await sent_on_record(bots, run) == [f"slack:{bots.direct('alice')[0].channel}"]
    await handed(bots, after=timedelta(minutes=5))
    assert len(files_of(bots, bots.direct("alice"))) == 1, "once"


async def test_where_policy_allows_the_channel_the_bundle_goes_into_the_thread(tmp_path: Path) -> None:
    """A channel of the team's own, by its id."""
    async with open_bots(tmp_path, slack_rules=OPEN) as bots:
        await collected(bots, artifact(archive_in(tmp_path)))
        await handed(bots)
        (there,) = [one for one in bots.slack.messages(OPS) if one.files]
        assert files_of(bots, [there]) == [BUNDLE]
        assert there.thread_ts == bots.slack.messages(OPS)[0].ts
        assert bots.direct("alice") == []


async def test_a_bundle_that_is_not_redacted_never_leaves(tmp_path: Path) -> None:
    """Not even where policy allows the channel, nor to whoever made it so."""
    async with open_bots(tmp_path, slack_rules=OPEN) as bots:
        await collected(bots, artifact(archive_in(tmp_path), redacted=False))
        await handed(bots)
        assert bots.slack.files() == []
        assert "never sent here" in said(bots.direct("alice"))
        assert str(tmp_path / "shop.tar.zst") in said(bots.direct("alice"))


async def test_only_the_very_bytes_that_the_run_told_of_are_sent(bots: Bots, tmp_path: Path) -> None:
    """A file that was changed since, or a path put into the record to have another file sent, or one without end."""
    secret = tmp_path / "kubeconfig"
    secret.write_text("client-key-data: everything")
    told = archive_in(tmp_path)
    await collected(bots, artifact(msgspec.structs.replace(told, path=str(secret))))
    await handed(bots)
    assert "as it was made, and is not sent" in said(bots.direct("alice"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    await collected(bots, artifact(msgspec.structs.replace(told, path=str(pipe))))
    await handed(bots)
    archive_in(tmp_path, BUNDLE.replace(b"shop", b"SHOP"))
    await collected(bots, artifact(told))
    await handed(bots)
    assert said(bots.direct("alice")).count("as it was made, and is not sent") == 6, (
        "as text and as block, three times"
    )
    assert bots.slack.files() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "worker-7"}, "lies on worker-7, where its run was carried"),
        ({"files": (), "folder": "/srv/bundles/shop"}, "only an archive is sent"),
        ({"repository": "elsewhere"}, "which this bot does not know"),
    ],
)
async def test_one_that_is_not_here_is_said_to_be_where_it_is(
    bots: Bots, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """A worker on another machine carried it: whoever asked hears where it lies, and how the next one gets here."""
    await collected(bots, artifact(archive_in(tmp_path), **changes))
    await handed(bots)
    assert words in said(bots.direct("alice"))
    assert bots.slack.files() == []


async def test_one_that_is_too_large_is_said_to_be_where_it_lies(tmp_path: Path) -> None:
    """Slack refuses above a gigabyte; a team may want less."""
    async with open_bots(tmp_path, slack=SlackConfig(bundle_mb=1)) as bots:
        await collected(bots, artifact(archive_in(tmp_path, bytes(1_100_000))))
        await handed(bots)
        assert "no more than 1 MB are sent here" in said(bots.direct("alice"))
        assert bots.slack.files() == []


async def test_one_in_a_repository_is_brought_from_there(tmp_path: Path) -> None:
    """Whichever machine carried the run; and what the repository says of redaction counts, since that is signed."""
    main = RepositoryConfig(name="main", url=(tmp_path / "repository").as_uri(), encrypt=False)
    async with open_bots(tmp_path, repositories=(main,)) as bots:
        config = bots.replicas[0].chat.bundles.config
        file = archive_in(tmp_path)
        kept = await keep_bundle(config, Path(file.path))
        await collected(bots, artifact(id=kept.body.id, repository="main", host="worker-7"), shown=False)
        await handed(bots)
        assert files_of(bots, bots.direct("alice")) == [BUNDLE]
        open_ = await keep_bundle(config, Path(file.path), redacted=False)
        await collected(bots, artifact(id=open_.body.id, repository="main", host="worker-7"))
        await handed(bots)
        assert "never sent here" in said(bots.direct("alice"))
        assert len(files_of(bots, bots.direct("alice"))) == 1


async def test_where_slack_is_away_it_is_sent_later_once(bots: Bots, tmp_path: Path) -> None:
    """It may take its time; the run stays what it is."""
    await collected(bots, artifact(archive_in(tmp_path)))
    bots.slack.faults.fail("files.getUploadURLExternal", 2)
    for wait in (0.0, *AGAIN_S):
        await handed(bots, after=timedelta(seconds=wait))
    assert files_of(bots, bots.direct("alice")) == [BUNDLE]
    assert sum("is tried again" in line for line in bots.said) == 2


async def test_a_defect_in_one_is_said_given_up_in_time_and_keeps_no_other(
    bots: Bots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks every time must not be tried for ever, nor stand before what would work."""
    broken = await collected(bots, artifact(archive_in(tmp_path)))
    await collected(bots, artifact(archive_in(tmp_path)))
    for bot in bots.replicas:
        note = bot.chat.bundles.note_sent

        async def defect(run: Run, to: str, note: Any = note) -> None:
            if run.id == broken.id:
                raise ZeroDivisionError("here")
            await note(run, to)

        monkeypatch.setattr(bot.chat.bundles, "note_sent", defect)
    for wait in (0.0, *AGAIN_S, 3600.0):
        await handed(bots, after=timedelta(seconds=wait))
    assert files_of(bots, bots.direct("alice")) == [BUNDLE]
    assert said(bots.direct("alice")).count("could not be uploaded") == 2, "as text and as block"


async def test_where_slack_takes_no_file_the_message_says_where_it_lies(bots: Bots, tmp_path: Path) -> None:
    """An app without the scope, or out of patience: nobody waits for a file that never comes."""
    bots.slack.workspace.app.scopes.discard("files:write")
    await collected(bots, artifact(archive_in(tmp_path)))
    await handed(bots)
    assert "missing_scope" in said(bots.direct("alice"))
    assert str(tmp_path / "shop.tar.zst") in said(bots.direct("alice"))
    before = len(bots.direct("alice"))
    await handed(bots, after=timedelta(hours=1))
    assert len(bots.direct("alice")) == before


async def test_a_bundle_that_a_dead_bot_was_at_is_taken_up_by_another(bots: Bots, tmp_path: Path) -> None:
    """Killed in the middle of an upload, a minute later the other bot sends it; until then nobody does."""
    await collected(bots, artifact(archive_in(tmp_path)))
    await bots.round(after=timedelta())
    first, second = bots.replicas
    owed = await first.chat.memory.owed.take()
    assert owed is not None
    await second.following.handing.round()
    assert bots.slack.files() == []
    bots.clock.moment += timedelta(milliseconds=HELD_MS // 2)
    await first.chat.memory.owed.still_at(owed)
    bots.clock.moment += timedelta(milliseconds=HELD_MS // 2 + 1)
    await second.following.handing.round()
    assert bots.slack.files() == [], "it said that it is at it"
    bots.clock.moment += timedelta(milliseconds=HELD_MS)
    await second.following.handing.round()
    assert files_of(bots, bots.direct("alice")) == [BUNDLE]


async def test_what_was_asked_for_at_a_terminal_stays_there(bots: Bots, tmp_path: Path) -> None:
    """Whoever typed it has the file where they typed; nobody wants it in Slack for having a user there."""
    await collected(bots, artifact(archive_in(tmp_path)), ALICE, shown=False)
    await handed(bots)
    assert (bots.slack.files(), bots.direct("alice")) == ([], [])


async def test_while_one_bot_sends_a_large_one_the_next_is_free_for_another(
    bots: Bots, tmp_path: Path
) -> None:
    """A gigabyte takes its time; whoever sends it must not sit on the others meanwhile, nor send them once more."""
    file = archive_in(tmp_path)
    for _ in range(2):
        await collected(bots, artifact(file))
    await bots.round(after=timedelta())
    first, second = bots.replicas
    large = await first.chat.memory.owed.take()
    await second.following.handing.round()
    assert len(bots.slack.files()) == 1
    assert large is not None
    await first.chat.memory.owed.settled(large)
    await first.following.handing.round()
    assert len(bots.slack.files()) == 1
