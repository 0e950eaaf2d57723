"""From a typed line to a changed cluster: asked by one, approved by another, told to all who should know."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunFilter, RunState
from k8sops.sandbox.manager import SandboxHandle
from k8sops_local_slack import Person
from tests.service.chat.office import TEAM, USERS, open_office
from tests.slack.flows.conftest import ELSEWHERE, OPS, Desk, opened


async def test_what_one_asks_and_another_approves_is_done_and_told(desk: Desk) -> None:
    """On call, on a phone: this is what the bot is for."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web —replicas 3 -n {desk.namespace} —reason “too busy”", OPS)
    card = await desk.message(OPS, "Approve")
    assert "*PRODUCTION prod-eu · scale" in alice.screen(OPS)
    assert "alice asks · “too busy”" in alice.screen(OPS)
    assert await desk.replicas() == 2, "nothing changes before somebody has said yes"
    direct = await desk.message(desk.direct("bob"), "Approve")
    await bob.click(direct, "run.approve")
    await desk.shown("alice", OPS, "3 of 3 replicas ready", "approved by bob")
    await desk.shown("bob", None, "done in", "approved by bob")
    assert await desk.replicas() == 3
    ended = await desk.reply(card, "done in")
    assert f"<@{USERS['alice']}>" in ended.text, (
        "edits notify nobody: whoever asked is mentioned in a new reply"
    )


async def test_a_no_asks_why_and_is_told_to_whoever_asked(desk: Desk) -> None:
    """A no without a reason helps nobody."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "Deny")
    await bob.click(card, "run.deny")
    await desk.slack.until(lambda: bob.modal and "Why not?" in bob.modal_screen())
    await bob.submit({"Why not?": "not during the sale"})
    await desk.shown("alice", OPS, "denied", "by bob: not during the sale", "nothing was changed")
    assert await desk.replicas() == 2


async def test_what_waits_on_the_bots_page_is_approved_there(desk: Desk) -> None:
    """It is where an approver looks in the morning; and the dialog says what became of the click."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await desk.message(OPS, "Approve")
    await bob.open_home()
    await desk.slack.until(lambda: "Look" in bob.home_screen())
    await bob.click("home", "Look")
    await desk.slack.until(lambda: bob.modal and "[Approve]" in bob.modal_screen())
    assert await bob.click("modal", "run.approve", confirm=False) is None, "asked again, as on the card"
    await bob.click("modal", "run.approve")
    await desk.slack.until(lambda: "approved by bob" in bob.modal_screen())
    assert "[Approve]" not in bob.modal_screen()
    await desk.shown("alice", OPS, "3 of 3 replicas ready", "approved by bob")
    assert await desk.replicas() == 3


async def test_what_is_withdrawn_in_the_dialog_is_withdrawn_and_says_so(desk: Desk) -> None:
    """Whoever asked sees it among what they did last."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await alice.click(await desk.message(OPS, "Details"), "run.details")
    await desk.slack.until(lambda: alice.modal and "[Withdraw]" in alice.modal_screen())
    await alice.click("modal", "run.cancel")
    await desk.slack.until(lambda: "cancelled" in alice.modal_screen())
    await desk.shown("bob", OPS, "cancelled")


async def test_a_clusters_name_is_typed_in_the_dialog_in_which_it_was_applied(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> None:
    """Slack shows one dialog at a time; another name is refused below the field."""
    rules = [{"name": "typed", "match": {"risk": "low"}, "effect": "confirm", "typed_name": True}]
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, rules=rules) as desk,
    ):
        await desk.web(2)
        alice = desk.person("alice")
        await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
        await alice.click(await desk.message(OPS, "Apply"), "run.details")
        await desk.slack.until(lambda: alice.modal and "[Apply]" in alice.modal_screen())
        await alice.click("modal", "Apply")
        await desk.slack.until(lambda: "The cluster's name" in alice.modal_screen())
        await alice.submit({"The cluster's name": "prod-us"})
        assert "The cluster's name is prod-eu." in alice.modal_screen()
        await alice.submit({"The cluster's name": "prod-eu"})
        await desk.shown("alice", None, "3 of 3 replicas ready")
        assert await desk.replicas() == 3


async def test_nobody_approves_what_they_asked_for_and_whoever_tries_is_told(desk: Desk) -> None:
    """No click is ever silent."""
    await desk.web(2)
    bob = desk.person("bob")
    await bob.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "Approve")
    await bob.click(card, "run.approve")
    await desk.shown("bob", OPS, "nobody approves what they asked for themselves")
    assert await desk.replicas() == 2


async def test_a_click_that_comes_too_late_says_what_happened_meanwhile(desk: Desk) -> None:
    """Two people on two phones: the second must learn that it is done, and by whom."""
    await desk.web(2)
    alice, bob, carol = desk.person("alice"), desk.person("bob"), desk.person("carol")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "Approve")
    await bob.click(card, "run.approve", wait=False)
    await carol.click(card, "run.approve", wait=False)
    await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")

    def too_late() -> bool:
        told = [one.screen(OPS).partition("only visible to you")[2] for one in (bob, carol)]
        return any(word in text for text in told for word in ("Queued", "Running", "Succeeded"))

    await desk.slack.until(too_late)


async def test_what_needs_only_its_requester_is_shown_to_them_alone(free_desk: Desk) -> None:
    """A plan nobody has decided on is not news; once it runs it is everybody's to see."""
    desk = free_desk
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    own = await desk.message(OPS, "Apply")
    assert own.only_for == USERS["alice"]
    assert "Apply" not in bob.screen(OPS)
    await alice.click(own, "run.apply")
    await desk.shown("bob", OPS, "done in", "3 of 3 replicas ready")
    assert await desk.replicas() == 3


async def test_what_was_done_is_taken_back_by_a_plan_of_its_own(free_desk: Desk) -> None:
    """Undo is a change like any other, with the same approvals."""
    desk = free_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await alice.click(await desk.message(OPS, "Apply"), "run.apply")
    card = await desk.message(OPS, "Undo")
    await alice.click(card, "run.undo")
    back = await desk.message(OPS, "from 3 to 2 replicas")
    await alice.click(back, "run.apply")
    await desk.shown("alice", OPS, "2 of 2 replicas ready")
    assert await desk.replicas() == 2


async def test_where_the_bot_is_not_in_the_channel_nothing_is_lost(desk: Desk) -> None:
    """Whoever types there gets the card in their direct messages, and how to have it in the channel."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --on prod-eu", ELSEWHERE)
    await desk.shown("alice", None, "I am not in", "/invite")
    await bob.click(await desk.message(desk.direct("bob"), "Approve"), "run.approve")
    await desk.shown("alice", None, "done in", "approved by bob")
    assert await desk.replicas() == 3


async def test_who_follows_sees_how_far_it_is_and_may_stop_it(free_desk: Desk) -> None:
    """One message below the card, edited: a hundred replies would be a hundred notifications."""
    desk = free_desk
    nowhere = {"nodeSelector": {"there-is": "none"}}
    await desk.web(0, **nowhere)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 2 -n {desk.namespace}", OPS)
    await alice.click(await desk.message(OPS, "Apply"), "run.apply")
    await desk.shown("bob", OPS, "waits for", "2 replicas not ready")
    card = await desk.message(OPS, "Cancel")
    assert "waits for" not in card.all_text(), (
        "the card, which is edited at a run's turns, would not stay true"
    )
    await alice.click(card, "run.cancel")
    await desk.shown("bob", OPS, "cancelled")
    ended = await desk.reply(card, f"<@{USERS['alice']}>")
    assert "cancelled" in ended.all_text()


NO = {
    "drian node-1": "did you mean drain?",
    "scale deployment/web --replica 3": "did you mean --replicas?",
    "scale deployment/web --replicas three": "replicas",
    "scale deployment/nowhere --replicas 3": "nowhere",
    "run 01ZZZZZZ": "01ZZZZZZ",
    "get pods --on prod-us": "no cluster 'prod-us' is served here",
    'scale "deployment/web': "quot",
}


async def test_what_cannot_be_done_is_one_sentence_to_whoever_asked(desk: Desk) -> None:
    """And nothing to the channel."""
    alice = desk.person("alice")
    for line, told in NO.items():
        before = alice.screen(OPS).count("only visible to you")
        await alice.slash(f"/k8s {line}", OPS)
        await desk.slack.until(partial(_more_than, before, alice))
        assert told in alice.screen(OPS).rpartition("only visible to you")[2]
    assert "⛔" not in desk.person("bob").screen(OPS)


def _more_than(before: int, person: Person) -> bool:
    return person.screen(OPS).count("only visible to you") > before


async def test_a_stranger_is_told_what_is_missing_and_sees_nothing(desk: Desk) -> None:
    """Everybody in the workspace can type the command."""
    desk.slack.workspace.add_user("U0EVE", "eve")
    desk.slack.workspace.channels[OPS].members.add("U0EVE")
    eve = desk.slack.person("U0EVE")
    for line in ("runs", "get pods", f"scale deployment/web --replicas 0 -n {desk.namespace}", "schedules"):
        await eve.slash(f"/k8s {line}", OPS)
        await desk.slack.until(lambda: f"slack: [{{team: {TEAM}, user: U0EVE}}]" in eve.screen(OPS))
    assert await desk.chat.records.runs(RunFilter(states=tuple(RunState))) == ()
