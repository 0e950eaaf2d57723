"""What opens: forms that search the cluster, details, home, lists to share; each as the person who looks."""

from __future__ import annotations

from pathlib import Path

from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunFilter
from k8sops.sandbox.manager import SandboxHandle
from tests.service.chat.office import USERS, open_office
from tests.slack.flows.conftest import OPS, Desk, opened
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


async def test_a_form_finds_what_it_is_about_in_any_namespace(free_desk: Desk) -> None:
    """Whoever is woken at night knows `web`, and not where it lives."""
    desk = free_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    found = f"{desk.namespace} · deployment/web"
    assert found in await alice.search("modal", "Targets", f"{desk.namespace} · deployment/w")
    await alice.choose("modal", "Targets", [found])
    await alice.submit({"Replicas": ""})
    assert "Give one of Replicas, To zero" in alice.modal_screen()
    await alice.submit({"Replicas": "3"})
    card = await desk.message(OPS, "from 2 to 3 replicas")
    assert desk.namespace in card.all_text()


async def test_what_was_typed_before_a_form_stands_in_it(free_desk: Desk) -> None:
    """`-n` that is dropped plans in another namespace than was meant, `--plan` something that can be applied."""
    desk = free_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale -n {desk.namespace} --reason peak --plan", OPS)
    await desk.slack.until(lambda: alice.modal and "shows its plan only" in alice.modal_screen())
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "3"})
    await desk.shown("alice", OPS, "from 2 to 3 replicas", "“peak”", desk.namespace)
    assert "Apply" not in alice.screen(OPS)
    assert not await desk.chat.records.runs(RunFilter())


async def test_what_was_typed_with_hold_waits_for_its_requester_out_of_a_form_as_well(desk: Desk) -> None:
    """Approved at night, it must not begin by itself."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale -n {desk.namespace} --hold", OPS)
    await desk.slack.until(lambda: alice.modal and "waits until you start it" in alice.modal_screen())
    await alice.click("modal", "form.more")
    await desk.slack.until(lambda: "More options" not in alice.modal_screen())
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "3"})
    await desk.message(OPS, "Approve")
    (run,) = await desk.chat.records.runs(RunFilter())
    assert (await desk.chat.records.get_run(run.id)).hold


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


async def test_a_reason_is_asked_for_in_the_dialog_in_which_the_button_was_pressed(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> None:
    """Slack shows one dialog; a second one would cover what it is about."""
    rules = [{"name": "ticket", "effect": "allow", "ticket": "OPS-[0-9]+", "match": {"risk": "low"}}]
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, rules=rules) as desk,
    ):
        await desk.web(2)
        alice = desk.person("alice")
        await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --reason OPS-7", OPS)
        await alice.click(await desk.message(OPS, "Apply"), "run.apply")
        await alice.click(await desk.message(OPS, "Undo"), "run.details")
        await desk.slack.until(lambda: alice.modal and "[Undo…]" in alice.modal_screen())
        details = alice.modal
        await alice.click("modal", "run.undo")
        await desk.slack.until(lambda: alice.modal and "Give a reason" in alice.modal_screen())
        assert alice.modal is details
        await alice.submit({"Reason": "OPS-8 too many"})
        await desk.shown("alice", None, "from 3 to 2 replicas", "“OPS-8 too many”")
