"""The audit trail, policy and settings on the screen."""

from __future__ import annotations

import asyncio

import msgspec
from textual.widgets import Input

from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.desk import AuditProof, AuditView
from k8sops.core.tables import TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.desk.audit_screen import MOST_SHOWN
from k8sops.tui.desk.screen import DeskScreen
from k8sops.tui.desk.settings_screen import SettingsScreen
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.screens import SCREENS
from tests.tui.fake_runs import RecordOps, a_run
from tests.tui.feeds import Desk, FixedClock
from tests.tui.run_stage import Stage, stage

ALICE = Actor(name="alice@acme.example", surface="tui")


async def _type(shown: Stage, key: str, text: str) -> None:
    await shown.press(key)
    box = (await shown.asked()).query_one(Input)
    box.value = text
    await shown.press("enter")


async def test_records_are_found_read_whole_and_lead_to_their_run() -> None:
    """Who did this, and what else did they do: the questions an audit trail is kept for."""
    ops = RecordOps()
    ops.put(a_run("01RUNAAAA"))
    ops.kept_here.trail.append(AuditView(seq=9, trouble="its bytes are not a record's"))
    async with stage(ops) as shown:
        await shown.open(SCREENS["audit"])
        await shown.sees("4 records", "drain nodes/node-12 → approved", "its bytes are not a record's")
        await _type(shown, "f", "person=alice")
        await shown.sees("1 record · asked for person=alice")
        assert ops.kept_here.wanted[-1] == AuditFilter(person="alice", limit=MOST_SHOWN)
        await _type(shown, "f", "wrong=1")
        await shown.until(lambda: "wrong=1 is not understood" in shown.banner)
        await shown.press("escape", "enter")
        await shown.sees("record 11", "drain nodes/node-11 → approved", "name: alice")
        await shown.press("enter")
        await shown.until(lambda: isinstance(shown.app.screen, RunScreen))
        await shown.press("escape")
        await shown.until(lambda: not isinstance(shown.app.screen, RunScreen))
        await shown.press("escape", "escape")
        await shown.sees("4 records")


async def test_the_chain_is_proved_and_a_break_is_told_as_trouble() -> None:
    """A proof that fails quietly is worse than none."""
    ops = RecordOps()
    async with stage(ops) as shown:
        await shown.open(SCREENS["audit"])
        await shown.sees("3 records")
        await shown.press("v")
        await shown.until(lambda: "✓ Records 1 to 12 hold. Note elsewhere 12:abc." in shown.banner)
        ops.kept_here.proof = AuditProof(ok=False, sentence="Record 11 was changed.", expect="", note="")
        await shown.press("v")
        await shown.until(lambda: "✗ Record 11 was changed. (keep the store as it is" in shown.banner)
        await _type(shown, "e", "trail.jsonl")
        await shown.until(lambda: ("export", "trail.jsonl", "alice@acme.example") in ops.kept_here.done)


async def test_policy_answers_for_oneself_for_others_and_elsewhere_rule_by_rule() -> None:
    """`may bob do this?` is asked before bob tries, and the rule that says no has a name."""
    async with stage(RecordOps(), size=(80, 24)) as shown:
        await shown.open(SCREENS["policy"])
        await shown.sees("alice@acme.example (alice@acme.example)", "to confirm", "namespace shop")
        await shown.press("p")
        await shown.sees("bob (bob)", "needs approval", "1 approval from ops")
        await shown.press("enter")
        await shown.sees("! needs approval", "! developers-ask-ops: ops agree", "✓ baseline.disruptive")
        await shown.press("escape", "p", "p")
        await shown.sees("alice@acme.example (alice@acme.example)")
        await _type(shown, "n", "payments")
        await shown.sees("namespace payments", "denied")


async def test_actions_with_the_same_answer_share_a_row_and_are_told_apart_behind_it() -> None:
    """A policy of four rules gives four answers; forty rows that repeat them hide the one that differs."""
    ops = RecordOps()
    restart = (await ops.kept_here.policy(ALICE)).verdicts[0]
    names = ("scale", "restart", "rollback", "set-image", "drain")
    ops.kept_here.verdicts = (
        *(msgspec.structs.replace(restart, action=name) for name in names),
        msgspec.structs.replace(restart, action="delete", effect="deny", asks=(), why="nobody deletes here"),
    )
    async with stage(ops, size=(120, 30)) as shown:
        await shown.open(SCREENS["policy"])
        await shown.sees("2 answers", "denied", "scale, restart, rollback +2")
        await shown.press("slash", *"drain", "enter")
        await shown.sees("1 of 2 answers")
        await shown.press("enter")
        await shown.sees("to confirm · 5 actions", "set-image")
        await shown.press("G", "enter")
        await shown.sees("drain, disruptive", "✓ baseline.disruptive")


async def test_settings_say_where_they_are_from() -> None:
    """`which file does it read?` is the first question of whoever sees a value they did not set."""
    async with stage(RecordOps(), size=(80, 24)) as shown:
        await shown.open(SCREENS["settings"])
        await shown.sees("2 settings", "K8SOPS_DATABASE_URL", "as shipped")
        await shown.press("slash", *"context", "enter")
        await shown.sees("1 of 2 settings")
        await shown.press("enter")
        await shown.until(lambda: "context: none (as shipped)" in shown.banner)


async def test_a_colon_leads_on_from_any_screen_to_the_next() -> None:
    """Hands that know k9s type `:audit` wherever they are, and do not press Esc first."""
    desk = Desk(RecordOps())
    app = K8sOpsApp(desk.open, TableQuery(kind="pods"), clock=FixedClock())
    async with app.run_test(size=(80, 24)) as pilot, asyncio.timeout(60):
        while not desk.opened:
            await pilot.pause(0.01)
        for name in ("audit", "settings"):
            before: object = app.screen
            await pilot.press("colon", *name, "enter")
            while app.screen is before or not isinstance(app.screen, DeskScreen):
                await pilot.pause(0.01)
        assert type(app.screen) is SettingsScreen
        assert len(app.screen_stack) == 3, "one of them at a time"
        await pilot.press("slash", "colon", "x")
        assert app.screen.query_one(Input).value == ":x", "where something is typed, a colon is text"
