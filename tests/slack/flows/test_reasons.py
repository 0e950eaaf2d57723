"""A reason that policy wants, asked for where it is missing: nobody types or fills in twice what they asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunFilter
from k8sops.sandbox.manager import SandboxHandle
from k8sops_local_slack import Person
from tests.service.chat.office import USERS, open_office
from tests.slack.flows.conftest import OPS, Desk, opened

TICKETS: Final = [{"name": "ticket", "effect": "allow", "ticket": "OPS-[0-9]+", "match": {"risk": "low"}}]


@pytest.fixture
async def ticket_desk(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """Every change names its ticket."""
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, rules=TICKETS) as found,
    ):
        yield found


async def asked(desk: Desk, person: Person) -> None:
    """Wait for the dialog."""
    await desk.slack.until(lambda: person.modal and "Give a reason" in person.modal_screen())


async def test_a_typed_line_is_repeated_with_the_reason_that_was_missing(ticket_desk: Desk) -> None:
    """The dialog says what is wanted; one that is not enough is asked for again, as it was typed."""
    desk = ticket_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --reason peak", OPS)
    await asked(desk, alice)
    assert "ticket in the reason that matches OPS-[0-9]+, as in OPS-123" in alice.modal_screen()
    assert "peak" in alice.modal_screen()
    before = alice.modal
    await alice.submit({"Reason": "evening peak"})
    await desk.slack.until(lambda: alice.modal not in (None, before))
    assert "evening peak" in alice.modal_screen()
    assert not await desk.chat.records.runs(RunFilter())
    await alice.submit({"Reason": "OPS-7 evening peak"})
    own = await desk.message(OPS, "Apply")
    assert "“OPS-7 evening peak”" in alice.screen(OPS)
    await alice.click(own, "run.apply")
    await desk.shown("alice", OPS, "3 of 3 replicas ready")


async def test_what_is_taken_back_is_asked_its_reason_as_well(ticket_desk: Desk) -> None:
    """A button has no --reason."""
    desk = ticket_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace} --reason OPS-7", OPS)
    await alice.click(await desk.message(OPS, "Apply"), "run.apply")
    await alice.click(await desk.message(OPS, "Undo"), "run.undo")
    await asked(desk, alice)
    await alice.submit({"Reason": "OPS-8 too many"})
    await alice.click(await desk.message(OPS, "from 3 to 2 replicas"), "run.apply")
    await desk.shown("alice", OPS, "2 of 2 replicas ready", "“OPS-8 too many”")


async def test_a_form_loses_nothing_of_what_was_filled_in(ticket_desk: Desk) -> None:
    """It is closed by then: the reason alone is asked for."""
    desk = ticket_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    await alice.choose("modal", "Namespace", desk.namespace)
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "3", "Reason": "no ticket"})
    await asked(desk, alice)
    assert "no ticket" in alice.modal_screen()
    await alice.submit({"Reason": "OPS-9"})
    await desk.message(OPS, "from 2 to 3 replicas")
    assert "“OPS-9”" in alice.screen(OPS)


async def test_a_form_asks_for_the_reason_itself_where_policy_wants_one_in_any_case(desk: Desk) -> None:
    """Asked after the form is closed, it were a second dialog for nothing."""
    always = [{"name": "ticket", "effect": "allow", "ticket": "OPS-[0-9]+"}]
    desk.office.write_policy(execute_as=desk.office.everybody, rules=always)
    alice = desk.person("alice")
    await alice.slash("/k8s scale", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    assert (
        "The policy asks for a reason that names a ticket: OPS-[0-9]+, as in OPS-123" in alice.modal_screen()
    )


async def test_a_form_whose_plan_took_too_long_keeps_what_was_filled_in_behind_a_button(
    ticket_desk: Desk,
) -> None:
    """Slack opens a dialog for three seconds; a large cluster is planned for longer."""
    desk = ticket_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash(f"/k8s scale -n {desk.namespace}", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    await alice.choose("modal", "Targets", ["deployment/web"])
    desk.slack.world.tickets.trigger_seconds = -1.0
    await alice.submit({"Replicas": "3", "Reason": "peak"})
    told = await desk.message(OPS, "Give a reason")
    desk.slack.world.tickets.trigger_seconds = 60.0
    await alice.click(told, "reason.give")
    await asked(desk, alice)
    await alice.submit({"Reason": "OPS-11"})
    await desk.message(OPS, "from 2 to 3 replicas")


async def test_where_no_dialog_can_be_opened_a_button_opens_it(ticket_desk: Desk) -> None:
    """What is said to the bot in a channel opens nothing at Slack; a second tap repeats nothing."""
    desk = ticket_desk
    await desk.web(2)
    alice = desk.person("alice")
    await alice.mention(OPS, f"scale deployment/web --replicas 3 -n {desk.namespace}")
    told = await desk.message(OPS, "Give a reason")
    assert told.only_for == USERS["alice"]
    assert "asks for a reason that names a ticket: OPS-[0-9]+, as in OPS-123" in alice.screen(OPS)
    await alice.click(told, "reason.give")
    await asked(desk, alice)
    await alice.submit({"Reason": "OPS-10"})
    await desk.message(OPS, "from 2 to 3 replicas")
    await alice.click(told, "reason.give")
    await asked(desk, alice)
    await alice.submit({"Reason": "OPS-10"})
    await desk.shown("alice", None, "the reason was given already")
    assert len(await desk.chat.records.runs(RunFilter())) == 1
