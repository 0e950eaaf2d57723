"""Names, reasons and statuses of people who mean harm, end to end: all of it is shown, none of it does anything.

The local Slack refuses what Slack refuses, and rings whom a message would ring.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from k8sops.core.plan import Finding, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from k8sops.service.chat.acting import ChatUser
from k8sops_local_slack.journal import Call
from tests.service.chat.office import TEAM, USERS
from tests.slack.bot.limits_kept import check_message, check_text, check_view
from tests.slack.flows.conftest import OPS, Desk
from tests.slack.flows.test_files import files_below
from tests.support.workloads import create, naked_pod

if TYPE_CHECKING:
    from k8sops.service.ops import EngineOps

HOSTILE: Final = (
    "<!channel> <!here|x> <@U0CAROL> <!subteam^S1> @everyone &<> &lt;!channel&gt; *b* _i_ ~s~ `c` ```f``` :tada: "
    "<https://evil.example|click> \u202egnp.exe\u202c a\u200bb \ufeff \x1b[31m \x00 > q\nnew *line*\r\n> quoted \u2028"
)
LONE: Final = "\ud83d"
"""Half a character, which JSON can carry and UTF-8 cannot."""
LONG: Final = 10_000
LONG_NAMES: Final = {
    "letters": "x" * LONG,
    "capitals": "X" * LONG,
    "entities": "&<>" * (LONG // 3),
    "mentions": "<!channel>" * (LONG // 10),
    "ticks": "`" * LONG,
    "wide": "\U0001f4a9" * LONG,
    "unseen": "\u200b\u202e" * (LONG // 2),
    "words": "a b " * (LONG // 4),
    "halves": LONE * 50,
    "quotes": "\"'“”" * (LONG // 4),
}


def calls_that_show(desk: Desk) -> Iterator[Call]:
    """Every call by which something is read."""
    yield from (call for call in desk.slack.journal.calls if {"blocks", "view"} & set(call.args))


def read(value: Any) -> Any:
    """An argument however it was encoded."""
    return json.loads(value) if isinstance(value, str) else value


def check_all(desk: Desk) -> None:
    """Nothing was refused; every message and dialog kept every limit; nobody was called by what others wrote."""
    assert [(call.method, call.answer) for call in desk.slack.journal.refused()] == []
    for call in calls_that_show(desk):
        if "view" in call.args:
            check_view(read(call.args["view"]))
        elif blocks := read(call.args["blocks"]):
            check_message({"text": call.args["text"], "blocks": blocks})
        else:
            check_text(call.args["text"])
    bot = desk.slack.workspace.app.bot_user
    for message in desk.slack.world.board.everything():
        if message.author == bot:
            assert not message.broadcasts, message.all_text()
            assert message.channel != OPS or USERS["carol"] not in message.rang, message.all_text()


async def answered(desk: Desk, name: str, line: str, channel: str = OPS) -> None:
    """Say something, and wait until it was answered by one more message to this person."""
    person = desk.person(name)
    before = len(person.messages(channel))
    delivery = await person.slash(line, channel)
    assert delivery.acked, delivery.error
    await desk.slack.until(lambda: len(person.messages(channel)) > before or person.modal)
    if person.modal:
        await person.close_modal()


async def messages_are(desk: Desk, name: str, wanted: int) -> None:
    """Wait until somebody sees so many messages in the channel."""
    person = desk.person(name)
    await desk.slack.until(lambda: len(person.messages(OPS)) >= wanted, 120.0)


async def page_is(desk: Desk, name: str, page: int) -> None:
    """Wait until somebody has this page of the details open."""
    person = desk.person(name)
    await desk.slack.until(lambda: person.modal and f"page {page} of " in person.modal_screen())


async def test_whatever_is_typed_at_any_length_is_answered(desk: Desk) -> None:
    """Slack takes long commands, and each is answered in words that it takes back."""
    alice = desk.person("alice")
    for name in LONG_NAMES.values():
        lines = (
            f"{name}",
            f"get {name}",
            f"get pods {name} -n {desk.namespace}",
            f"get pods -n {name}",
            f"get pods -l {name}",
            f"run {name}",
            f"deny {name} {name}",
            f"help {name}",
            f"runs --state {name}",
            f"audit {name}",
            f"scale deployment/{name} --replicas 3",
            f"scale deployment/web --replicas {name}",
            f"scale deployment/web --replicas 3 --reason {name}",
            f"scale deployment/web --{name}",
            f"drain node-1 --cluster {name}",
        )
        wanted = len(alice.messages(OPS)) + len(lines)
        deliveries = await asyncio.gather(*(alice.slash(f"/k8s {line}", OPS) for line in lines))
        assert [one.error for one in deliveries if not one.acked] == []
        await messages_are(desk, "alice", wanted)
    check_all(desk)


async def test_statuses_that_anybody_who_runs_a_pod_can_write_are_words(desk: Desk) -> None:
    """What a status column says comes from whoever can write a status: tables, lists and files of it."""
    admin = desk.office.admin
    pods = await admin.resource("pods")
    for number in range(20):
        pod = naked_pod(f"web-{number:02}", desk.namespace)
        # Nobody places it, so that nobody else writes its status.
        pod["spec"]["schedulerName"] = "nobody"
        pod["metadata"]["name"] = f"w{number:02}-{'x' * 249}"
        pod["metadata"]["labels"] = {"app": "x" * 63}
        await create(admin, pod)
        said = HOSTILE if number % 2 else HOSTILE * 30
        body = {"status": {"phase": "Failed", "reason": said, "message": said}}
        await admin.patch(pods, pod["metadata"]["name"], desk.namespace, body=body, subresource="status")
    alice, bob = desk.person("alice"), desk.person("bob")
    await answered(desk, "alice", f"/k8s get pods -n {desk.namespace}")
    shown = await desk.message(OPS, "Full list")
    await alice.click(shown, "read.full")
    whole = (await desk.slack.until(desk.slack.files))[0].content or b""
    assert whole.count(b"\n") == 21, "a status has no lines of its own"
    assert b"\\u202egnp.exe" in whole
    await alice.click(shown, "read.share")
    await desk.shown("bob", OPS, "shared by @alice")
    assert bob.screen(OPS).count("shared by") == 1
    check_all(desk)


async def test_reasons_of_all_kinds_are_said_as_they_were_typed_and_call_nobody(desk: Desk) -> None:
    """A reason is free text of whoever asks, on the screens and phones of everybody who decides."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    said = HOSTILE.replace("\n", " ").replace("\r", " ").replace('"', "")
    line = f'/k8s scale deployment/web --replicas 3 -n {desk.namespace} --reason "{said}"'
    await alice.slash(line, OPS)
    card = await desk.message(OPS, "Approve")
    await desk.shown("bob", OPS, "“＠channel ＠here @U0CAROL")
    await bob.click(card, "run.details")
    await desk.slack.until(lambda: bob.modal and "spec.replicas" in bob.modal_screen())
    await bob.close_modal()
    await bob.click(card, "run.deny")
    await desk.slack.until(lambda: bob.modal and "Why not" in bob.modal_screen())
    await bob.submit({"Why not?": HOSTILE})
    await desk.shown("alice", OPS, "denied")
    await answered(desk, "bob", "/k8s runs")
    await bob.open_home()
    await desk.slack.until(bob.home_screen)
    check_all(desk)


def hostile_plan(desk: Desk, *, steps: int, findings: int) -> Plan:
    """A plan that says hostile things wherever a plan says anything."""
    now = desk.chat.clock.now()
    return Plan(
        action="scale",
        action_version=1,
        summary=HOSTILE[:160],
        cluster=desk.chat.desk.clusters[0],
        params={"targets": [HOSTILE * 10], "namespace": HOSTILE},
        steps=tuple(
            Step(
                id=f"scale/{number}",
                verb="scale",
                target=Target(
                    kind="deployments.apps",
                    name=f"{HOSTILE}{'x' * (LONG if number < 5 else 250)}",
                    namespace=HOSTILE,
                    uid=str(number),
                ),
                why=HOSTILE * 5,
                before={HOSTILE: HOSTILE},
                after={HOSTILE: HOSTILE * 2},
                risk=Risk.LOW,
                undo={"action": "scale", "params": {}},
            )
            for number in range(steps)
        ),
        findings=tuple(
            Finding(level="warning", code="x", text=f"{number} {HOSTILE * 5}", override=HOSTILE)
            for number in range(findings)
        ),
        made_at=now,
        expires_at=now + timedelta(hours=1),
        execute_as="person:alice",
    )


async def put_forward(desk: Desk, plan: Plan) -> Run:
    """On record as alice's, as if an action had planned it."""
    acting = await desk.chat.desk.acting(ChatUser(team=TEAM, user=USERS["alice"]), plan.cluster.uid)
    engine = await cast("EngineOps", acting.ops)._change._desk()
    return await engine.propose(plan, acting.actor, reason=HOSTILE)


async def test_a_plan_of_three_hundred_steps_that_all_mean_harm_is_decided_like_any_other(desk: Desk) -> None:
    """Cards, pages of details, the file and the end: everything that is made of a plan."""
    run = await put_forward(desk, hostile_plan(desk, steps=300, findings=400))
    assert run.state is RunState.AWAITING_APPROVAL
    bob = desk.person("bob")
    card = await desk.message(desk.direct("bob"), "Approve")
    (whole,) = await desk.slack.until(lambda: files_below(desk, card))
    assert whole.count("scale ") >= 300
    assert len([line for line in whole.split("\n") if " ! warning: " in line]) == 400
    await bob.click(card, "run.details")
    pages = 1
    while True:
        await page_is(desk, "bob", pages)
        if "[Next]" not in bob.modal_screen():
            break
        await bob.click("modal", "Next")
        pages += 1
    assert pages >= 700 // 40
    await bob.close_modal()
    await bob.click(card, "run.approve")
    await desk.slack.until(lambda: "[Approve]" not in bob.screen())
    assert [one.person for one in (await desk.chat.records.get_run(run.id)).approvals] == ["bob"]
    check_all(desk)


async def test_a_form_takes_what_is_hostile_and_the_plan_says_it_back_as_words(free_desk: Desk) -> None:
    """Fields, their errors, what was found for them, and the card that comes of them."""
    desk = free_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    await alice.choose("modal", "Namespace", desk.namespace)
    await alice.search("modal", "Targets", HOSTILE[:150])
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "<!channel>`*" * 20})
    assert "number" in alice.modal_screen()
    await alice.submit({"Replicas": "3", "Reason": HOSTILE})
    await alice.click(await desk.message(OPS, "Apply"), "run.apply")
    await desk.shown("alice", OPS, "3 of 3 replicas ready")
    check_all(desk)
