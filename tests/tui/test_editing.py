"""Editing as text: the patch that a text means, and the screen from `e` to the plan and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.widgets import TextArea

from k8sops.core.errors import UsageError
from k8sops.core.plan import Target
from k8sops.core.run import RunState
from k8sops.service.manifest_text import editable, moved_since, patch_of, text_of
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.view import DocumentView
from k8sops.tui.help import HelpScreen
from k8sops.tui.running.run_screen import RunScreen
from k8sops.tui.status import Banner, ClusterLine
from tests.tui.acting_desk import Acting, ActingOps, acting
from tests.tui.feeds import FixedClock, pod

WEB: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{}],
        "labels": {"on": "yes", "since": "2026-01-01"},
    },
    "data": {"text": "one\ntwo\n", "odd": "a\u202eb\x1b[31m", "wide": "数据"},
    "status": {"x": 1},
}


def test_the_text_is_what_is_edited_and_comes_back_as_it_went_out() -> None:
    """Dates, yes and no, several lines and tricks on the terminal: nothing changes that nobody typed."""
    original = editable(WEB)
    text = text_of(original)
    assert "managedFields" not in text
    assert "status" not in text
    assert "\u202e" not in text
    assert patch_of(text, original) == {}
    plain = {**original, "data": {"wide": "数据", "text": "one\ntwo\n"}}
    assert "数据" in text_of(plain)
    assert "  text: |\n    one\n    two" in text_of(plain)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.booleans(), max_size=4))
def test_any_value_survives_being_looked_at(data: dict[str, Any]) -> None:
    """An editor that changes what was not touched is worse than none."""
    original = {**editable(WEB), "data": json.loads(json.dumps(data))}
    assert patch_of(text_of(original), original) == {}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ("  wide: ", "  thin: x\n  wide: ", {"data": {"thin": "x"}}),
        ("'yes'", "'no'", {"metadata": {"labels": {"on": "no"}}}),
        ("'2026-01-01'", "2026-01-02", {"metadata": {"labels": {"since": "2026-01-02"}}}),
    ],
)
def test_what_is_typed_is_the_patch_and_nothing_else(old: str, new: str, patch: dict[str, Any]) -> None:
    """An approver reads one field, not an object."""
    original = editable(WEB)
    assert patch_of(text_of(original).replace(old, new), original) == patch


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "line 1"),
        ("[]", "no object"),
        ("&a [*a]", "no YAML that an object can be"),
        ("!!python/object:os.system {}", "no YAML"),
        (
            "apiVersion: v2\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}",
            "apiVersion may not change",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}", "metadata.name may not"),
    ],
)
def test_a_text_that_is_no_such_object_is_one_sentence(text: str, why: str) -> None:
    """The line is named, and what is typed stays to be mended."""
    with pytest.raises(UsageError, match=why):
        patch_of(text, editable(WEB))


def _desk(**objects: Any) -> ActingOps:
    ops = ActingOps()
    ops.objects_by_name = {"web": WEB, **objects}
    return ops


def _text(seen: Acting) -> TextArea:
    return seen.app.screen.query_one(TextArea)


def _banner(seen: Acting) -> str:
    return str(seen.app.screen.query_one(Banner).content)


async def test_e_then_what_is_typed_then_ctrl_s_is_a_plan_and_the_text_stays_until_it_is_true() -> None:
    """Who looks at the plan and thinks again has lost nothing."""
    ops = _desk()
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        await seen.press("e")
        assert seen.is_at(EditScreen)
        assert "acme-staging" in str(seen.app.screen.query_one(ClusterLine).content), (
            "where it would be changed"
        )
        await seen.until(lambda: "two" in _text(seen).text)
        await seen.press("ctrl+s")
        assert _banner(seen) == "Nothing is changed yet."
        _text(seen).text = _text(seen).text.replace("two", "three")
        await seen.press("ctrl+s")
        await seen.until(lambda: seen.is_at(ActionDialog))
        await seen.settle()
        (asked,) = ops.previews
        assert asked == {
            "targets": ["configmaps/web"],
            "namespace": "shop",
            "patch": '{"data":{"text":"one\\nthree\\n"}}',
        }
        await seen.press("escape")
        assert seen.is_at(EditScreen)
        assert "three" in _text(seen).text
        await seen.press("escape")
        assert "Esc once more" in _banner(seen)
        await seen.press("ctrl+s")
        await seen.until(lambda: seen.is_at(ActionDialog))
        await seen.settle()
        await seen.press("enter")
        assert ops.started == ["run-1"]
        changed = {**WEB, "data": {**WEB["data"], "text": "one\nthree\n"}}
        ops.objects_by_name["web"] = changed
        ops.known["run-1"] = msgspec.structs.replace(ops.known["run-1"], state=RunState.SUCCEEDED)
        await seen.press("escape")
        await seen.until(lambda: seen.app.screen is seen.stand)


async def test_what_is_typed_right_behind_the_cursor_keys_lands_where_they_lead() -> None:
    """On a slow line keys come in bursts; a letter that overtakes the cursor changes another field."""
    ops = _desk()
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        await seen.press("e")
        await seen.until(lambda: "two" in _text(seen).text)
        for key in ("down", "down", "end", "x", "left", "y", "end", "backspace"):
            seen.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await seen.until(lambda: _text(seen).text.split("\n")[2] == "metadata:y")


async def test_after_an_undo_nothing_that_was_typed_stands_there_as_if_it_were_to_come() -> None:
    """The object is as it was before; a text that still holds the change would be applied once more by the next key."""
    ops = _desk()
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        await seen.press("e")
        await seen.until(lambda: "two" in _text(seen).text)
        _text(seen).text = _text(seen).text.replace("two", "three")
        await seen.press("ctrl+s")
        await seen.until(lambda: seen.is_at(ActionDialog))
        await seen.settle()
        await seen.press("enter")
        await seen.until(lambda: ops.started == ["run-1"] and seen.is_at(RunScreen))
        # It was applied, and undone from the run's screen: the object is as it was.
        await seen.press("escape")
        await seen.until(lambda: seen.app.screen is seen.stand)


async def test_an_object_that_comes_back_into_sight_is_read_again() -> None:
    """A run or an undo above it has changed what it shows."""
    ops = _desk()
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        target = Target(kind="configmaps", name="web", namespace="shop")
        await seen.app.push_screen(DetailScreen(target, seen.stand.connection, FixedClock()))
        view = seen.app.screen.query_one(DocumentView)
        await seen.until(lambda: any("two" in line for line in view.lines))
        await seen.app.push_screen(HelpScreen())
        ops.objects_by_name["web"] = {**WEB, "data": {**WEB["data"], "text": "one\nfour\n"}}
        await seen.press("escape")
        await seen.until(lambda: any("four" in line for line in view.lines))


async def test_what_cannot_be_edited_is_said_and_what_is_no_yaml_stays() -> None:
    """A Secret's values would be on record; a typing mistake is mended where it was made."""
    ops = _desk(key={**WEB, "kind": "Secret"})
    async with acting("secrets", pod("key"), ops=ops) as seen:
        await seen.press("e")
        await seen.until(
            lambda: "a Secret is not edited here" in _banner(seen).replace("A Secret", "a Secret")
        )
        assert _text(seen).read_only
        await seen.press("ctrl+s", "escape")
        seen.mark("configmaps", pod("web"))
        await seen.press("e")
        await seen.until(lambda: "two" in _text(seen).text)
        _text(seen).text = "a: ["
        await seen.press("ctrl+s")
        assert "line 1" in _banner(seen)
        assert _text(seen).text == "a: ["
        await seen.press("escape", "escape")
        seen.mark("configmaps", pod("web"), pod("other"))
        await seen.press("e")
        assert seen.app.screen is seen.stand
        seen.mark("configmaps", pod("gone"))
        await seen.press("e")
        await seen.until(lambda: "does not exist" in _banner(seen))


async def test_an_editor_that_is_not_named_is_no_dead_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text can be edited where it stands."""
    for name in ("KUBE_EDITOR", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    async with acting("configmaps", pod("web"), ops=_desk()) as seen:
        await seen.press("e")
        await seen.until(lambda: "two" in _text(seen).text)
        await seen.press("ctrl+o")
        assert "names an editor" in _banner(seen)
        monkeypatch.setenv("EDITOR", "true")
        await seen.press("ctrl+o")
        assert "cannot be handed" in _banner(seen)


async def test_what_somebody_else_changed_in_the_same_place_is_not_overwritten() -> None:
    """A list is replaced whole: the image that a pipeline set meanwhile would be gone without a word."""
    ops = _desk()
    async with acting("configmaps", pod("web"), ops=ops) as seen:
        await seen.press("e")
        await seen.until(lambda: "two" in _text(seen).text)
        _text(seen).text = _text(seen).text.replace("two", "three")
        ops.objects_by_name["web"] = {**WEB, "data": {**WEB["data"], "text": "theirs"}}
        await seen.press("ctrl+s")
        await seen.until(lambda: "changed meanwhile" in _banner(seen))
        assert 'data.text was "one\\ntwo\\n" and is "theirs"' in _banner(seen)
        assert ops.previews == []
        assert "three" in _text(seen).text
        elsewhere = {**WEB, "data": {**WEB["data"], "odd": "theirs"}}
        ops.objects_by_name["web"] = elsewhere
        await seen.press("ctrl+s")
        await seen.until(lambda: seen.is_at(ActionDialog))


def test_of_what_moved_only_the_first_few_are_told_and_no_long_value() -> None:
    """It is one sentence above a text."""
    original: dict[str, Any] = {"data": dict.fromkeys("abcde", "x")}
    patch = {"data": dict.fromkeys("abcde", "mine")}
    found = {"data": {**original["data"], "a": "y" * 100, "b": None, "c": "z", "d": "z"}}
    assert moved_since(original, found, patch) == [
        "data.a", 'data.b was "x" and is null', 'data.c was "x" and is "z"', "and 1 more"
    ]  # fmt: skip
    assert moved_since(original, {"data": {"e": "x", **original["data"], "f": 1}}, patch) == []
