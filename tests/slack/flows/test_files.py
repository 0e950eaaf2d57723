"""Plans too long for a card: a file in its thread, once, and never at the price of the card."""

from __future__ import annotations

import asyncio

from k8sops_local_slack.board import Message
from tests.service.chat.office import USERS
from tests.slack.flows.conftest import ELSEWHERE, OPS, Desk
from tests.support.workloads import create, deployment

MANY = 42
IN_THREAD = "full plan in the thread"
IN_DIRECT = "full plan in your direct messages"


async def many(desk: Desk, first: int = 0) -> str:
    """More deployments than a card or a page of details tells, and the command that scales them."""
    names = [f"web-{number:02}" for number in range(first, first + MANY)]
    made = (create(desk.office.admin, deployment(name, desk.namespace, replicas=1)) for name in names)
    await asyncio.gather(*made)
    targets = " ".join(f"deployment/{name}" for name in names)
    return f"/k8s scale {targets} --replicas 0 -n {desk.namespace}"


def files_below(desk: Desk, card: Message) -> list[str]:
    """The texts of the files in a card's thread."""
    replies = [one for one in desk.slack.messages(card.channel) if one.thread_ts == card.ts]
    names = [name for one in replies for name in one.files]
    return [(desk.slack.world.files.get(name).content or b"").decode() for name in names]


async def filed(desk: Desk, card: Message) -> str:
    """The plan in a card's thread, once it is there."""
    return (await desk.slack.until(lambda: files_below(desk, card)))[0]


async def test_a_long_plan_is_a_file_in_the_thread_of_every_card(desk: Desk) -> None:
    """Whoever decides reads all of it where they decide, in the channel or in their direct messages."""
    line = await many(desk)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    text = await filed(desk, card)
    for number in range(MANY):
        assert f"{number + 1:>2}. scale {desk.namespace}/deployments/web-{number:02} " in text
    assert "spec.replicas 1 → 0" in text
    assert IN_THREAD in bob.screen(OPS)
    for name in ("bob", "carol"):
        own = await desk.message(desk.direct(name), "Approve")
        assert await filed(desk, own) == text
        assert IN_THREAD in desk.person(name).screen()
    assert alice.download(desk.slack.files()[0].id).decode() == text


async def test_the_file_is_there_once_whatever_becomes_of_the_run(desk: Desk) -> None:
    """The card is edited many times; a thread full of the same file hides what is said in it."""
    line = await many(desk)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    await filed(desk, card)
    await bob.click(card, "run.approve")
    await desk.shown("alice", OPS, "done in", IN_THREAD)
    assert len(files_below(desk, card)) == 1
    assert len(desk.slack.files()) == 3, "one for the channel, one for each approver"


async def test_a_plan_made_again_is_filed_below_its_own_card(desk: Desk) -> None:
    """The old file is the old plan: what is decided on is the new one."""
    line = await many(desk)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(line, OPS)
    first = await desk.message(OPS, "Approve")
    old = await filed(desk, first)
    deployments = await desk.office.admin.resource("deployments")
    body = {"spec": {"replicas": 3}}
    await desk.office.admin.patch(deployments, "web-00", desk.namespace, body=body)
    await bob.click(first, "run.approve")
    void = await desk.message(OPS, "Plan again")
    await alice.click(void, "run.again")
    card = await desk.message(OPS, "Approve")
    new = await filed(desk, card)
    assert "spec.replicas 3 → 0" in new
    assert files_below(desk, first) == [old]


async def test_without_a_thread_the_file_goes_to_whoever_asked(free_desk: Desk) -> None:
    """A card that one person sees alone has no thread; a plan that is only looked at is read there, too."""
    desk = free_desk
    line = await many(desk)
    alice = desk.person("alice")
    await alice.slash(f"{line} --plan", OPS)
    await desk.shown("alice", OPS, "only a plan", IN_DIRECT)
    await desk.shown("alice", None, "[file: plan-")
    await alice.slash(line, OPS)
    await desk.shown("alice", OPS, "[Apply]", IN_DIRECT)
    await desk.slack.until(lambda: len(desk.slack.files()) == 2)
    assert all(file.channels == [desk.direct("alice")] for file in desk.slack.files())


async def test_where_the_bot_is_not_in_the_channel_the_file_follows_the_card(desk: Desk) -> None:
    """The card goes to whoever asked, and its thread is there."""
    line = await many(desk)
    await desk.person("alice").slash(f"{line} --cluster prod-eu", ELSEWHERE)
    card = await desk.message(desk.direct("alice"), "/invite")
    assert "web-41" in await filed(desk, card)


async def refused(desk: Desk, card: Message, why: str) -> None:
    """The thread says that there is no file, and how to read the plan."""
    told = await desk.reply(card, "could not be uploaded")
    assert why in str(told.blocks)
    assert "k8sops runs show 01" in str(told.blocks)
    assert files_below(desk, card) == []


async def test_a_file_that_slack_refuses_costs_nothing_but_itself(desk: Desk) -> None:
    """An app that was installed before it asked for files still has everything decided."""
    line = await many(desk)
    desk.slack.workspace.app.scopes -= {"files:write"}
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    await refused(desk, card, "missing_scope")
    await desk.shown("alice", OPS, "Asked directly: bob, carol")
    await bob.click(card, "run.approve")
    await desk.shown("alice", OPS, "done in")
    replies = [one for one in desk.slack.messages(OPS) if one.thread_ts == card.ts]
    assert sum("could not be uploaded" in str(one.blocks) for one in replies) == 1


async def test_a_slack_that_fails_at_files_keeps_the_card_and_says_so(desk: Desk) -> None:
    """Files are served by other machines than messages are."""
    line = await many(desk)
    desk.slack.faults.fail("files.completeUploadExternal", 1)
    await desk.person("alice").slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    await refused(desk, card, "service_unavailable")
    own = await desk.message(desk.direct("carol"), "Approve")
    assert "web-41" in await filed(desk, own), "the next is tried anew"


async def test_files_that_slack_puts_off_are_uploaded_later(desk: Desk) -> None:
    """Waited out like every other limit."""
    line = await many(desk)
    desk.slack.faults.limit("files.getUploadURLExternal", 2)
    await desk.person("alice").slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    assert "web-41" in await filed(desk, card)
    assert USERS["alice"] not in str(desk.said)


async def test_a_short_plan_has_no_file(desk: Desk) -> None:
    """The card says all of it."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await desk.shown("alice", OPS, "Asked directly: bob, carol")
    assert "full plan" not in alice.screen(OPS)
    assert desk.slack.files() == []
