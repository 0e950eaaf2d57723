"""The action menu, and the way back from a run: both end in the one dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from textual import events
from textual.widgets import OptionList

from k8sops.core.actor import Actor
from k8sops.core.plan import Step
from k8sops.core.run import Run
from k8sops.core.tables import TableQuery
from k8sops.tui.acting.menu import ActionMenu
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.running.lines_view import LinesView
from k8sops.tui.running.run_screen import RunScreen
from tests.tui.acting_desk import Acting, ActingOps, acting
from tests.tui.at_rest import at_rest, until
from tests.tui.drain_scenes import told
from tests.tui.feeds import NODE_COLUMNS, Desk, Feed, FixedClock, node, pod


def _menu(seen: Acting) -> list[str]:
    found = seen.app.screen.query_one(OptionList)
    return [str(option.prompt) for option in found.options]


async def test_the_menu_offers_what_fits_the_kind_and_takes_its_keys() -> None:
    """`a`, then the key one would have pressed, for who does not know it yet."""
    async with acting("nodes", node("n1")) as seen:
        await seen.press("a")
        assert seen.is_at(ActionMenu)
        await seen.press("u")
        assert seen.ops.previews == [{"nodes": ["n1"]}]
        await seen.press("escape", "a", "j", "enter")
        assert "uncordon" in seen.plan
        await seen.press("escape", "a", "escape")
        assert seen.app.screen is seen.stand


async def test_what_would_be_refused_says_why_in_its_line_and_is_not_chosen() -> None:
    """A person without the right learns it before a plan, and from the menu that offers all the rest."""
    ops = ActingOps()
    ops.refused = {"drain": "RBAC: you may not create pods/eviction", "cordon": "[b]no[/b]"}
    async with acting("nodes", node("n1"), ops=ops) as seen:
        await seen.press("a")
        await seen.until(
            lambda: any("✗ RBAC: you may not create pods/eviction" in line for line in _menu(seen))
        )
        assert any("✗ [b]no[/b]" in line for line in _menu(seen))
        assert ops.asked_of == ("nodes", "", ("n1",), "alice@acme.example"), (
            "policy looks at who asks of what"
        )
        await seen.press("r")
        assert seen.is_at(ActionMenu)
        subtitle = str(seen.app.screen.query_one(OptionList)._border_subtitle)
        assert "Drain: RBAC: you may not" in subtitle
        await seen.press("enter")
        assert seen.is_at(ActionMenu), "the first is cordon, which would be refused too"
        await seen.press("u")
        assert ops.previews == [{"nodes": ["n1"]}]


async def test_a_run_is_taken_back_through_the_same_dialog() -> None:
    """Its inverse is a plan of its own, read and confirmed like any other, and says what it undoes."""
    ops = ActingOps()
    plain = ops.answer

    def answer(action: str, params: Any) -> Any:
        plan = plain(action, params)
        undo = {"action": "uncordon", "params": {"nodes": ["n1"]}}
        steps: tuple[Step, ...] = (msgspec.structs.replace(plan.steps[0], undo=undo),)
        return msgspec.structs.replace(plan, steps=steps)

    ops.answer = answer
    async with acting("nodes", node("n1"), ops=ops) as seen:
        await seen.press("c", "enter")
        assert seen.is_at(RunScreen)
        await seen.press("u")
        assert seen.is_at(RunScreen), "nothing of it is on record as done"
        await seen.press("escape")
        done = msgspec.structs.replace(told(1, "step_done"), step="step-1")
        run: Run = msgspec.structs.replace(ops.known["run-1"], events=(done,))
        ops.known["run-1"] = run
        await seen.app.push_screen(RunScreen(seen.stand.connection, "run-1", seen.stand._clock))
        await seen.until(lambda: seen.app.screen.query_one("#log", LinesView).texts)
        await seen.press("u")
        assert "Undo cordon: uncordon" in str(seen.dialog.query_one("#box")._border_title)
        await seen.press("enter")
        (action, params, reason, _) = ops.proposals[-1]
        assert (action, params, reason) == ("uncordon", {"nodes": ["n1"]}, "undo of run run-1")


async def test_without_a_row_there_is_no_menu() -> None:
    """An empty table has nothing to act on."""
    async with acting("pods") as seen:
        await seen.press("a")
        assert seen.app.screen is seen.stand
        seen.mark("pods", pod("web"))
        await seen.press("a")
        assert seen.is_at(ActionMenu)


class PaymentsForbidden(ActingOps):
    """RBAC and policy of one namespace of several."""

    async def refusals(
        self,
        kind: str,
        namespace: str,
        actions: Sequence[str],
        *,
        names: Sequence[str] = (),
        actor: Actor | None = None,
    ) -> dict[str, str]:
        told = {"restart": "policy: frozen", "delete": f"RBAC: you may not delete pods in {namespace}"}
        return {name: told[name] for name in actions if name in told and namespace == "payments"}


async def test_what_one_of_several_namespaces_refuses_is_refused_with_its_name() -> None:
    """A form that is filled in for two namespaces and then refused in one was filled in for nothing."""
    rows = (pod("web"), pod("api", namespace="payments"))
    async with acting("deployments", *rows, ops=PaymentsForbidden()) as seen:
        await seen.press("a")
        await seen.until(lambda: any("in payments: policy: frozen" in line for line in _menu(seen)))
        assert any("RBAC: you may not delete pods in payments" in line for line in _menu(seen))
        assert sum("payments" in line for line in _menu(seen)) == 2


async def test_a_key_acts_on_the_row_that_the_keys_before_it_lead_to() -> None:
    """Who knows the table types `j r` in one go; the wrong node's drain would stand there."""
    ops = ActingOps()
    ops.feeds = {"nodes": Feed(NODE_COLUMNS, [node("n1"), node("n2"), node("n3")])}
    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="nodes"), clock=FixedClock())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_rest(pilot, "n3")
        for key in ("j", "r"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: ops.previews)
        assert ops.previews[0] == {"nodes": ["n2"]}
        await pilot.press("escape")
        for key in ("j", "a"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        assert "nodes/n3" in str(app.screen.query_one(OptionList)._border_title)
