"""A second official SDK, unmodified: what only the Python one and we agree on would not be Slack.

It encodes calls as forms where the Python SDK sends JSON, pings and acks in its own way, and checks signatures itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k8sops_local_slack import LocalSlack
from k8sops_local_slack.web.dispatch import METHODS
from tests.slack.local.support import ALICE, BOB, OPS
from tests.slack.node.conftest import node_app


async def test_from_command_to_form_to_card_to_button(node: LocalSlack) -> None:
    """The whole way of one operation, by two people, with the file in the thread."""
    alice, bob = node.person(ALICE), node.person(BOB)
    assert (await alice.slash("/k8s drain", OPS)).acked
    await node.until(lambda: alice.modal)
    assert "heard drain" in alice.screen(OPS)
    assert "heard drain" not in bob.screen(OPS)
    assert await alice.search("modal", "Node", "node") == ["node-0", "node-1", "node-2"]
    assert (await alice.submit({"Node": "node-1", "Reason": "none"})).acked
    assert "! say why" in alice.modal_screen()
    assert (await alice.submit({"Reason": "disk"})).acked
    assert alice.modal is None
    await node.until(lambda: "[file: plan.txt]" in bob.screen(OPS))
    assert "drain *node-1* for @alice\n    [Approve]\n    ↳ k8sops" in bob.screen(OPS)
    (file,) = node.files()
    assert bob.download(file.id) == b"3 steps"
    card = await node.until(lambda: next((m for m in bob.messages(OPS) if m.only_for is None), None))
    await bob.click(card, "Approve")
    await node.until(lambda: "thank you" in bob.screen(OPS))
    assert "node-1 approved by @bob" in alice.screen(OPS)
    assert "thank you" not in alice.screen(OPS)
    assert node.journal.refused() == []
    assert node.outstanding() == []


async def test_every_method_takes_what_this_sdk_sends(node: LocalSlack) -> None:
    """Forms with JSON in them, where the other SDK sends JSON."""
    alice = node.person(ALICE)
    assert (await alice.slash("/k8s calls", OPS)).acked
    told = await node.until(lambda: [m for m in alice.messages(OPS) if m.only_for and m.text.startswith("[")])
    assert json.loads(told[0].text) == []
    assert node.journal.refused() == []
    views = {name for name in METHODS if name.startswith("views.")}
    assert set(METHODS) - {call.method for call in node.journal.calls} == views


async def test_events_shortcuts_and_closing_arrive(node: LocalSlack) -> None:
    """Everything else a person can set off, in the shapes this SDK looks for."""
    alice = node.person(ALICE)
    opened = await alice.open_home()
    assert opened is not None
    assert opened.acked
    await node.until(lambda: alice.home_screen() == "one run")
    await alice.mention(OPS, "status")
    await node.until(lambda: "↳ k8sops\n        heard @k8sops status" in alice.screen(OPS))
    await alice.say("hello")
    await node.until(lambda: "hello @alice" in alice.screen())
    assert (await alice.message_shortcut(alice.messages(OPS)[0], "shortcut.message")).acked
    await node.until(lambda: "read: @k8sops status" in alice.screen(OPS))
    assert (await alice.shortcut("shortcut.global")).acked
    await node.until(lambda: alice.modal)
    assert [closing.acked for closing in await alice.close_modal()] == [True]
    await node.until(lambda: "closed" in alice.screen())
    assert node.journal.refused() == []


async def test_it_comes_back_when_told_to_go(live: LocalSlack, packages: Path) -> None:
    """A refresh in the middle: the SDK opens a socket of its own accord, and hears what comes after."""
    alice = live.person(ALICE)
    async with node_app(live, packages, "sockets"):
        (old,) = live.sockets.open
        live.sockets.disconnect("refresh_requested")
        await live.until(lambda: [one for one in live.sockets.open if one is not old and not one.leaving])
        assert (await alice.slash("/k8s drain", OPS)).acked


@pytest.mark.parametrize("signature", ["forged", "late"])
async def test_a_bad_signature_is_refused(live: LocalSlack, packages: Path, signature: Any) -> None:
    """Two implementations of the same signature agree on ours, and on what is none."""
    async with node_app(live, packages, "http"):
        live.faults.signature = signature
        sent = await live.person(ALICE).slash("/k8s drain", OPS)
        assert (sent.error, sent.reason) == ("dispatch_failed", "http_error")
        assert live.person(ALICE).modal is None
