"""The one dialog under a pilot: which keys do what, what is planned, what is confirmed, what is refused.

Starting an application is most of what a test costs: several presses share one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from textual.widgets import Button, Input, Static

from k8sops.core.errors import (
    DriftedError,
    ForbiddenError,
    K8sOpsError,
    ReadOnlyError,
    UnreachableError,
)
from k8sops.core.plan import Decision, Demand, Finding, Plan
from k8sops.core.risk import Risk
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.fields import TextLine, TickLine
from k8sops.tui.acting.form_pane import More
from k8sops.tui.running.run_screen import RunScreen
from tests.tui.acting_desk import TYPED, Acting, ActingOps, acting, made_plan, workload
from tests.tui.feeds import node, pod

WEB = pod("web")
N1 = node("n1")


def _planning(ops: ActingOps, **given: Any) -> None:
    ops.answer = lambda action, params: made_plan(ops.cluster_info, action, params, **given)


async def _back(seen: Acting) -> None:
    """To the table, from wherever it is."""
    for _ in range(3):
        if seen.app.screen is not seen.stand:
            await seen.press("escape")
    assert seen.app.screen is seen.stand


async def test_common_actions_take_two_keys() -> None:
    """The keystroke budget: a plan that is read at a glance must not cost more than no plan at all."""
    shop = {"namespace": "shop"}
    cases: list[tuple[str, Any, list[str], str, dict[str, Any]]] = [
        ("nodes", N1, ["c", "enter"], "cordon", {"nodes": ["n1"]}),
        ("no", N1, ["u", "enter"], "uncordon", {"nodes": ["n1"]}),
        ("deploy", WEB, ["r", "enter"], "restart", {"targets": ["deployments/web"], **shop}),
        ("pods", WEB, ["ctrl+d", "y"], "delete", {"targets": ["pods/web"], **shop}),
        ("pods", WEB, ["ctrl+k", "y"], "delete", {"targets": ["pods/web"], **shop}),
    ]
    async with acting("nodes", N1) as seen:
        for kind, row, keys, action, params in cases:
            seen.mark(kind, row)
            seen.ops.proposals.clear()
            for key in keys:
                await seen.press(key)
            assert len(keys) == 2
            assert [(one[0], one[1]) for one in seen.ops.proposals] == [(action, params)]
            assert seen.is_at(RunScreen)
            await _back(seen)
        assert len(seen.ops.started) == len(cases)


async def test_scaling_takes_the_value_and_two_keys_and_begins_with_what_is_there() -> None:
    """`s`, the number, Enter; the number that is there stands in the box until another is typed."""
    ops = ActingOps()
    async with acting("deployments", WEB, ops=ops) as seen:
        await seen.press("s")
        assert ops.previews == [], "a scale to nowhere would only be an error to look at"
        await seen.press("enter")
        assert ops.proposals == []
        await _back(seen)
        ops.objects_by_name = {"web": {"spec": {"replicas": 3}}, "api": {"spec": {"replicas": 4}}}
        await seen.press("s")
        await seen.until(lambda: ops.previews and ops.previews[-1]["replicas"] == "3")
        await seen.press("1", "2", "enter")
        (action, params, _, digest) = ops.proposals[0]
        assert (action, params["replicas"]) == ("scale", "12")
        assert digest == made_plan(ops.cluster_info, action, params).digest
        await _back(seen)
        ops.proposals.clear()
        await seen.press("s")
        await seen.press("5")
        await seen.until(lambda: "'replicas': '5'" in seen.plan)
        # Enter by priority overtakes what the box has not taken in: the plan of 5 stands there, and 56 is meant.
        seen.dialog.query_one("#form Input", Input).value = "56"
        seen.dialog.action_enter()
        await seen.press("enter")
        assert [one[1]["replicas"] for one in ops.proposals] == ["56"]
        await _back(seen)
        await seen.press("s", "9", "ctrl+u", "7")
        assert seen.dialog.query_one("#form Input", Input).value == "7", "Ctrl-U clears what is typed"
        await _back(seen)
        seen.mark("deployments", WEB, pod("api"))
        await seen.press("s")
        assert seen.dialog.query_one("#form Input", Input).value == "", "they have not the same number"


async def test_setting_an_image_begins_with_the_image_in_use_its_version_selected() -> None:
    """Who changes a tag must not look up container and image elsewhere, nor type them again."""
    ops = ActingOps()
    ops.objects_by_name = {
        "web": workload(app="reg:5000/shop/web:1.4", side="envoy:1"),
        "api": workload(app="reg:5000/shop/api:2", proxy="nginx"),
    }
    async with acting("deployments", WEB, ops=ops) as seen:
        await seen.press("i")
        await seen.until(lambda: ops.previews)
        box = seen.dialog.query_one("#form Input", Input)
        assert box.value == "app=reg:5000/shop/web:1.4 side=envoy:1"
        await seen.press("2", "enter")
        assert ops.proposals[0][1]["images"] == ["app=reg:5000/shop/web:2", "side=envoy:1"]
        await _back(seen)
        seen.mark("deployments", WEB, pod("api"))
        await seen.press("i")
        box = seen.dialog.query_one("#form Input", Input)
        await seen.until(lambda: "all have app" in box.placeholder)
        assert box.value == "", "they have not the same images"
        assert box.placeholder == (
            "all have app · name=image, or *=image for all; several with a space between"
        )


async def test_what_is_not_shown_yet_is_not_applied_and_an_overtaken_plan_is_dropped() -> None:
    """A second key pressed fast would say yes to something nobody has seen, or that is no longer meant."""
    ops = ActingOps()
    ops.held[1] = asyncio.Event()
    async with acting("nodes", N1, ops=ops) as seen:
        await seen.press("c", "enter")
        assert ops.proposals == []
        assert "still being made" in seen.sentence
        ops.held[1].set()
        await seen.until(lambda: "Enter again applies it" in seen.sentence)
        await seen.press("enter")
        assert len(ops.proposals) == 1
        await _back(seen)
        seen.mark("deployments", WEB)
        ops.held[2] = asyncio.Event()
        await seen.press("s", "1")
        await seen.until(lambda: len(ops.previews) == 2)
        await seen.press("2")
        ops.held[2].set()
        await seen.until(lambda: "'replicas': '12'" in seen.plan)
        await seen.press("enter")
        assert ops.proposals[1][1]["replicas"] == "12"


async def test_what_destroys_has_cancel_focused_and_wants_the_clusters_name_typed() -> None:
    """In a table Ctrl-D is half a page down to many hands: neither Enter, y, nor another name does harm."""
    ops = ActingOps()
    async with acting("pods", WEB, ops=ops) as seen:
        await seen.press("ctrl+d")
        assert seen.app.focused is seen.dialog.query_one("#cancel")
        await seen.press("enter")
        assert seen.app.screen is seen.stand
        assert ops.proposals == []
        _planning(ops, risk=Risk.DESTRUCTIVE)
        seen.mark("nodes", N1)
        await seen.press("c")
        assert seen.app.focused is seen.dialog.query_one("#cancel"), "who meant a small thing"
        await _back(seen)
        _planning(ops, risk=Risk.DESTRUCTIVE, decision=TYPED)
        seen.mark("pods", WEB)
        await seen.press("ctrl+d", "y")
        assert "type the cluster's name, acme-staging" in seen.sentence
        await seen.press(*"acme-prod", "enter")
        assert ops.proposals == []
        seen.dialog._name_box.query_one(Input).value = ""
        await seen.press(*"acme", "minus", *"staging", "enter")
        assert len(ops.started) == 1


def _needs_flag(ops: ActingOps, **given: Any) -> None:
    blocker = Finding(level="blocker", code="daemonset", text="a pod of one", override="--ignore-daemonsets")

    def answer(action: str, params: Mapping[str, Any]) -> Plan:
        findings = () if params.get("ignore_daemonsets") else (blocker,)
        return made_plan(ops.cluster_info, action, params, findings=findings, **given)

    ops.answer = answer


async def test_a_blocker_brings_its_flag_as_a_field_to_tick() -> None:
    """`r`, space, Enter: the flag is found where it is needed, not in a manual; all others are folded."""
    ops = ActingOps()
    _needs_flag(ops)
    async with acting("nodes", N1, ops=ops) as seen:
        await seen.press("r", "enter")
        assert seen.sentence == "1 blocker: --ignore-daemonsets would override."
        assert ops.proposals == []
        shown = [line.field.flag for line in seen.dialog.query(TickLine) if line.display]
        assert shown == ["--ignore-daemonsets"]
        await seen.press("m")
        lines = list(seen.dialog._lines.values())
        assert all(line.display for line in lines)
        await seen.press("m")
        assert [line.field.flag for line in lines if line.display] == shown
        await seen.press("space", "enter")
        assert ops.proposals[0][1] == {"nodes": ["n1"], "ignore_daemonsets": True}
        await _back(seen)
        _needs_flag(ops, risk=Risk.DESTRUCTIVE, decision=TYPED)
        await seen.press("r", "space", "enter")
        assert "type the cluster's name, then Enter" in seen.sentence
        assert seen.app.focused is seen.dialog._name_box.query_one(Input)


async def test_the_key_that_unfolds_is_one_that_works_where_the_focus_is() -> None:
    """In a box `m` is text: who presses what the line says must not have typed `5m` replicas."""
    async with acting("deployments", WEB) as seen:
        await seen.press("s", "5")
        more = seen.dialog.query_one(More)
        assert str(more.content) == "▸ tab to here, then m shows 3 more fields"
        await seen.press("tab")
        assert str(more.content) == "▸ m shows 3 more fields"
        await seen.press("m")
        assert str(more.content) == "▾ m folds 3 more fields"
        assert seen.dialog.query_one("#form Input", Input).value == "5"


async def test_marked_rows_make_one_plan_and_one_confirm() -> None:
    """Five dialogs for five nodes would be five times Enter without reading; none is left out silently."""
    async with acting("nodes", *(node(f"n{number}") for number in range(1, 6))) as seen:
        await seen.press("c", "enter")
        assert [one[1] for one in seen.ops.proposals] == [{"nodes": ["n1", "n2", "n3", "n4", "n5"]}]
        await _back(seen)
        seen.mark("deployments", pod("web"), pod("web", namespace="payments"))
        await seen.press("r")
        assert "Restart 2 deployments in shop and payments" in str(
            seen.dialog.query_one("#box")._border_title
        )
        assert "shop and payments" in str(seen.dialog.query_one("#where", Static).content)
        await seen.press("enter")
        assert seen.ops.proposals[1][1] == {"targets": ["shop/deployments/web", "payments/deployments/web"]}


async def test_where_others_must_agree_the_dialog_asks_for_a_reason_and_says_who() -> None:
    """The request is made here, with all that they need to judge it."""
    ops = ActingOps()
    demand = Demand(count=2, groups=("sre",))
    decision = Decision(
        effect="approve", why="production is protected", demands=(demand,), reason_required=True
    )
    _planning(ops, decision=decision)
    async with acting("nodes", N1, ops=ops) as seen:
        await seen.press("c")
        assert seen.sentence == (
            "Needs approval: production is protected. Who may: 2 persons of sre, other than you."
        )
        assert str(seen.dialog.query_one("#apply", Button).label) == "Ask for approval"
        await seen.press("enter")
        assert seen.sentence == "Policy wants a reason: say why."
        await seen.press(*"disk", "enter")
        assert ops.proposals[0][2] == "disk"
        assert (ops.carried, ops.started) == (["run-1"], [])
        assert seen.is_at(RunScreen)


async def test_what_cannot_be_done_is_one_sentence_and_nothing_is_left_on_record() -> None:
    """No traceback, no empty pane, no proposal that somebody might start later."""
    ops = ActingOps()
    errors: list[tuple[K8sOpsError, str]] = [
        (ForbiddenError("alice may not patch nodes"), "✗ Alice may not patch nodes."),
        (UnreachableError("127.0.0.1:6443 refuses the connection"), "refuses the connection"),
    ]
    async with acting("nodes", N1, ops=ops) as seen:
        for error, said in errors:

            def refuse(action: str, params: Mapping[str, Any], why: K8sOpsError = error) -> Plan:
                raise why

            ops.answer = refuse
            await seen.press("c")
            assert said in seen.sentence
            await seen.press("enter", "escape")
            assert seen.app.screen is seen.stand
        _planning(ops, decision=Decision(effect="deny", why="freeze until Monday"))
        await seen.press("c", "enter")
        assert seen.sentence == "Policy refuses this: freeze until Monday."
        await _back(seen)
        _planning(ops, steps=0)
        await seen.press("c", "enter")
        assert seen.sentence == "There is nothing to change."
        assert ops.proposals == []
        await _back(seen)
        _planning(ops)
        ops.refuses_start = ReadOnlyError("this is read-only")
        await seen.press("c", "enter")
        assert seen.sentence == "✗ This is read-only."
        assert ops.cancelled == ["run-1"]
        await _back(seen)


async def test_a_cluster_that_changed_meanwhile_shows_its_new_plan() -> None:
    """Only what was read is applied; the new plan wants its own yes."""
    ops = ActingOps()
    ops.refuses_proposal = DriftedError("the plan is another by now")
    async with acting("nodes", N1, ops=ops) as seen:
        await seen.press("c", "enter")
        await seen.until(lambda: len(ops.previews) == 2)
        assert seen.is_at(ActionDialog)


async def test_keys_are_text_while_something_is_typed_and_need_a_row() -> None:
    """A filter `cur` must not cordon a node; an empty table has nothing to cordon."""
    async with acting("nodes", N1) as seen:
        box = seen.stand.query_one("#prompt", Input)
        box.focus()
        await seen.press("c", "u", "r", "a", "s", "e")
        assert box.value == "curase"
        seen.stand.set_focus(None)
        seen.mark("nodes")
        await seen.press("c", "a", "e")
        assert seen.app.screen is seen.stand


async def test_verdict_sentence_and_buttons_stay_on_a_small_screen() -> None:
    """At 80×24 a plan of many steps scrolls between what must be seen; no text of it is markup."""
    ops = ActingOps()
    decision = Decision(effect="approve", why="it is production")
    finding = Finding(level="warning", code="odd", text="[red]not red[/red] \x1b[31m")
    _planning(ops, steps=60, decision=decision, findings=[finding])
    async with acting("deployments", pod("[b]web[/b]"), ops=ops) as seen:
        await seen.press("i", *"app", "equals_sign", *"b", "m")
        height = seen.app.size.height
        for query in ("#where", ".plan--verdict", ".plan--foot", "Sentence", "#buttons"):
            region = seen.dialog.query_one(query).region
            assert 0 < region.y < region.bottom < height, query
        assert seen.dialog.query_one(TextLine).region.height == 1
        assert "[red]not red[/red] \\x1b[31m" in " ".join(seen.plan.split())
        assert "[b]web[/b]" in str(seen.dialog.query_one("#box")._border_title)
