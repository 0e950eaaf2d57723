"""What opens: forms that search the cluster, details, home, lists to share; each as the person who looks."""

from __future__ import annotations

from tests.service.chat.office import USERS
from tests.slack.flows.conftest import OPS, Desk
from tests.support.workloads import create, deployment


async def test_a_command_without_arguments_opens_its_form_and_the_form_does_the_same(free_desk: Desk) -> None:
    """On a phone nobody types a deployment's name."""
    desk = free_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    await alice.choose("modal", "Namespace", desk.namespace)
    assert await alice.search("modal", "Targets", "we") == ["deployment/web", "we"]
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "many"})
    assert "Should be a number" in alice.modal_screen(), "what is wrong stands below the field"
    await alice.submit({"Replicas": "3", "Reason": "busy"})
    await alice.click(await desk.message(OPS, "Apply"), "run.apply")
    await desk.shown("alice", OPS, "3 of 3 replicas ready", "“busy”")
    assert await desk.replicas() == 3


async def test_more_options_keep_what_was_filled_in(desk: Desk) -> None:
    """Else whoever looks for one more field types everything again."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "More options" in alice.modal_screen())
    await alice.choose("modal", "Replicas", "3")
    before = alice.modal_screen()
    await alice.click("modal", "form.more")
    await desk.slack.until(lambda: "More options" not in alice.modal_screen())
    assert len(alice.modal_screen()) > len(before)
    assert "3" in alice.modal_screen()


async def test_details_open_at_once_and_tell_the_whole_plan(desk: Desk) -> None:
    """A phone shows eight lines; whoever decides may want the rest."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await bob.click(await desk.message(OPS, "Details"), "run.details")
    await desk.slack.until(lambda: bob.modal and "spec.replicas" in bob.modal_screen())


async def test_a_list_is_shared_by_whoever_asked_and_whole_in_a_file(desk: Desk) -> None:
    """Fifteen rows for a phone, to one person; more is asked for."""
    for number in range(20):
        await create(desk.office.admin, deployment(f"web-{number:02}", desk.namespace, replicas=0))
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s get deployments -n {desk.namespace}", OPS)
    shown = await desk.message(OPS, "Full list")
    assert shown.only_for == USERS["alice"]
    await alice.click(shown, "read.full")
    await desk.slack.until(desk.slack.files)
    whole = desk.slack.files()[0].content
    assert whole is not None
    assert whole.count(b"web-") == 20
    await alice.click(shown, "read.share")
    await desk.shown("bob", OPS, "shared by @alice", "web-00")
    assert "Share" not in bob.screen(OPS), "what everybody sees has nothing to press"


async def test_home_shows_what_waits_and_how_the_clusters_are(desk: Desk) -> None:
    """It is what an approver opens in the morning."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await desk.message(OPS, "Approve")
    await bob.open_home()
    await desk.slack.until(lambda: "prod-eu · scale" in bob.home_screen())
    assert "PRODUCTION prod-eu:" in bob.home_screen()
    await bob.click("home", "Look")
    await desk.slack.until(lambda: bob.modal and "spec.replicas" in bob.modal_screen())


async def test_what_was_said_in_a_thread_is_answered_there(desk: Desk) -> None:
    """Slack has no commands in threads: there the bot is mentioned."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "Approve")
    await alice.mention(OPS, "runs", thread=card.ts)
    told = await desk.reply(card, "awaiting approval")
    assert told.only_for == USERS["alice"]
