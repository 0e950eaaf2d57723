"""Slack on a bad day: calls put off, things sent in another order, connections renewed while something goes on."""

from __future__ import annotations

import asyncio

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.run import Run, RunFilter, RunState, Vote
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service import open_ops
from tests.service.chat.office import GROUPS, TEAM, USERS
from tests.slack.flows.conftest import APPROVED, OPS, Desk
from tests.support.persons_at_door import kubeconfig_of
from tests.support.workloads import NEVER_READY, create, deployment

CALLED = (
    *("chat.postMessage", "chat.update", "chat.postEphemeral", "conversations.open"),
    *("views.open", "views.update", "views.publish"),
    *("files.getUploadURLExternal", "files.completeUploadExternal"),
)
"""Every method the bot calls once it is up."""
TWO = {"approvals": 2, "at_terminal": 1}


async def test_whatever_slack_puts_off_is_done_all_the_same(desk: Desk) -> None:
    """A workspace at its limits answers 429 to anything: a form, a card, a list, a page are late, and there once."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    for method in CALLED:
        desk.slack.faults.limit(method, 3)
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    await alice.choose("modal", "Namespace", desk.namespace)
    await alice.search("modal", "Targets", "we")
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "3"})
    card = await desk.message(OPS, "run.approve")
    await bob.click(card, "run.details")
    await desk.slack.until(lambda: bob.modal and "spec.replicas" in bob.modal_screen())
    await bob.click(card, "run.approve")
    await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")
    await bob.open_home()
    await desk.slack.until(lambda: "prod-eu" in bob.home_screen())
    for number in range(16):
        await create(desk.office.admin, deployment(f"more-{number}", desk.namespace, replicas=0))
    await alice.slash(f"/k8s get deployments -n {desk.namespace}", OPS)
    await alice.click(await desk.message(OPS, "read.full"), "read.full")
    await desk.slack.until(desk.slack.files)
    refused = {call.method for call in desk.slack.journal.refused()}
    assert refused >= set(CALLED), "each of them was put off"
    runs = await _runs(desk)
    assert [run.state for run in runs] == [RunState.SUCCEEDED]
    assert alice.screen(OPS).count("*PRODUCTION prod-eu · scale") == 1


async def test_a_connection_that_slack_renews_in_the_middle_of_a_run_is_not_noticed(desk: Desk) -> None:
    """It does so every few hours, and then closes the old one."""
    await desk.web(2)
    resource = await desk.office.admin.resource("deployments")
    play = {"spec": {"template": {"metadata": {"annotations": NEVER_READY}}}}
    await desk.office.admin.patch(resource, "web", desk.namespace, body=play)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await bob.click(await desk.message(OPS, "run.approve"), "run.approve")
    card = await desk.message(OPS, "run.cancel")
    before = set(desk.slack.sockets.open)
    desk.slack.sockets.disconnect("refresh_requested")
    await desk.slack.until(lambda: set(desk.slack.sockets.open) - before, 60.0)
    await alice.slash("/k8s runs", OPS)
    await desk.shown("alice", OPS, "running")
    await alice.click(card, "run.cancel")
    await desk.shown("alice", OPS, "cancelled")
    assert [run.state for run in await _runs(desk)] == [RunState.CANCELLED]


async def test_what_comes_in_another_order_is_judged_by_what_holds_by_then(desk: Desk) -> None:
    """Two clicks that overtake each other: one decides, the other hears what happened, and nothing is done twice."""
    await desk.web(2)
    alice, bob, carol = desk.person("alice"), desk.person("bob"), desk.person("carol")
    desk.slack.world.outbox.reorder(2)
    await asyncio.gather(
        alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS),
        alice.slash("/k8s runs", OPS),
    )
    card = await desk.message(OPS, "run.approve")
    desk.slack.world.outbox.reorder(2)
    await asyncio.gather(bob.click(card, "run.approve"), carol.click(card, "run.approve"))
    await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")
    (summary,) = await _runs(desk)
    run = await desk.chat.records.get_run(summary.id)
    assert len(run.approvals) == 1
    late = "carol" if run.approvals[0].person == "bob" else "bob"
    await desk.shown(late, OPS, "only visible to you")


async def test_who_clicked_approves_again_at_a_terminal_where_a_terminal_is_wanted(
    desk: Desk, sandbox: SandboxHandle
) -> None:
    """Two have clicked, and the policy wants one of them where their key is: it goes on from there."""
    office = desk.office
    people = {
        person: {
            "groups": GROUPS[person],
            "slack": [{"team": TEAM, "user": user}],
            "cluster": [{"cluster": "eu", "username": office.called(person)}],
        }
        for person, user in USERS.items()
    }
    office.write_policy(execute_as=office.everybody, people=people, rules=[{**APPROVED[0], **TWO}])
    await desk.web(2)
    alice, bob, carol = desk.person("alice"), desk.person("bob"), desk.person("carol")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "run.approve")
    await bob.click(card, "run.approve")
    await carol.click(card, "run.approve")
    await desk.shown("alice", OPS, "bob", "carol")
    (run,) = await _runs(desk)
    name = office.called("carol")
    kubeconfig = kubeconfig_of(sandbox, office.folder, name)
    async with open_ops(msgspec.structs.replace(office.config, kubeconfig=(kubeconfig,))) as terminal:
        carols = Actor(name=name, auth="self_subject_review")
        await terminal.decide(run.id, Vote(verdict="approve", digest=run.plan.digest), carols)
    await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")
    (run,) = await _runs(desk)
    assert sorted(one.person for one in run.approvals) == ["bob", "carol"]


async def _runs(desk: Desk) -> tuple[Run, ...]:
    found = await desk.chat.records.runs(RunFilter(states=tuple(RunState)))
    return tuple([await desk.chat.records.get_run(one.id) for one in found])
