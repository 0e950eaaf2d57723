"""Documents under a pilot: searching, copying, saving, decoding, and the same from the rows of a table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.notifications import Notification
from textual.widgets import TextArea

from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError, UnreachableError
from k8sops.core.plan import JsonObject, Target
from k8sops.core.tables import Column, Row, Table
from k8sops.tui.acting.edit_screen import EditScreen
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.screen import Laid
from k8sops.tui.document.view import DocumentView
from k8sops.tui.prompt import Prompt
from k8sops.tui.session import Session
from k8sops.tui.status import SaidLine
from tests.tui.fake_runs import RunOps
from tests.tui.run_stage import Stage, stage
from tests.tui.scenes import SECRET, SECRET_ENCODED, SECRET_TEXT, WEB_POD

WEB = Target(kind="pods", name="web-1", namespace="shop", uid="uid-web")
TOKEN = Target(kind="secrets", name="token", namespace="shop", uid="uid-token")
LONG: JsonObject = {
    **WEB_POD,
    "metadata": {**WEB_POD["metadata"], "annotations": {"note": "数据 " + "word " * 60 + "end"}},
    "spec": {**WEB_POD["spec"], "env": [{"name": f"KEY_{n}", "value": "web"} for n in range(60)]},
}


class ReadOps(RunOps):
    """Has two objects, and a store that may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.objects_by_name = {"web-1": LONG, "token": SECRET}


def _view(shown: Stage) -> DocumentView:
    return shown.app.screen.query_one(DocumentView)


def _title(shown: Stage) -> str:
    return str(shown.app.screen.query_one("#title", SaidLine).content)


def _notes(app: App[int]) -> Sequence[Notification]:
    return tuple(app._notifications)


async def _open(shown: Stage, target: Target, *, reveal: bool = False) -> None:
    def make(connection: Session, clock: Clock) -> DetailScreen:
        return DetailScreen(target, connection, clock, reveal=reveal)

    await shown.open(make)
    await shown.until(lambda: _view(shown).lines)


async def test_a_search_marks_every_place_and_n_goes_from_one_to_the_next() -> None:
    """An object of six hundred lines is read by searching it."""
    async with stage(ReadOps()) as shown:
        await _open(shown, WEB)
        assert "shop/pods/web-1 · 143 lines" in _title(shown)
        await shown.press("slash", *"key_5")
        await shown.until(lambda: _view(shown).found == ("key_5", 11, 1))
        assert str(shown.app.screen.query_one(Prompt).query_one("#count").render()) == "1 of 11"
        top = _view(shown).scroll_offset.y
        await shown.press("enter", "n", "n")
        assert _view(shown).found == ("key_5", 11, 3)
        await shown.until(lambda: _view(shown).scroll_offset.y > top)
        await shown.press("N", "N", "N")
        assert "/key_5 11 of 11" in _title(shown)
        await shown.press("escape")
        assert _view(shown).found[0] == ""
        await shown.press("slash", *"nowhere", "enter")
        assert "/nowhere not found" in _title(shown)
        await shown.press("slash", "escape", "q")
        assert not isinstance(shown.app.screen, DetailScreen)


async def test_long_lines_are_broken_on_demand_and_found_where_they_were_broken() -> None:
    """A certificate or a message of one line does not fit 80 columns, nor do wide characters where they are cut."""
    async with stage(ReadOps(), size=(80, 24)) as shown:
        await _open(shown, WEB)
        lines, height = len(_view(shown).lines), _view(shown).virtual_size.height
        assert height == lines
        await shown.press("w")
        assert _view(shown).virtual_size.height > lines
        assert _view(shown).virtual_size.width <= 78
        await shown.press("slash", *"end", "enter")
        assert _view(shown).found[1] == 1
        strips = [_view(shown).render_line(y).text for y in range(_view(shown).size.height)]
        assert any("end" in text for text in strips)
        await shown.press("w")
        assert _view(shown).virtual_size.height == lines


async def test_it_is_copied_and_saved_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has found is wanted elsewhere: in a chat over SSH, in a file."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    async with stage(ReadOps()) as shown:
        await _open(shown, TOKEN)
        await shown.press("c")
        assert "kind: Secret" in shown.app.clipboard
        assert SECRET_ENCODED not in shown.app.clipboard
        assert "copied 11 lines" in _title(shown)
        await shown.press("ctrl+s")
        await shown.until(lambda: _notes(shown.app))
        saved = _notes(shown.app)[0].message
        assert saved == f"{tmp_path}/saved/shop-secrets-token-20261121T120000.yaml"
        assert await asyncio.to_thread(Path(saved).read_text) == shown.app.clipboard


async def test_values_are_shown_only_once_that_is_on_record_and_stay_hidden_where_it_cannot_be() -> None:
    """A look that nobody can be asked about afterwards is refused."""
    ops = ReadOps()
    async with stage(ops) as shown:
        await _open(shown, TOKEN, reveal=True)
        await shown.until(lambda: f"  token: {SECRET_TEXT}" in _view(shown).lines)
        assert ops.revealed == [("alice@acme.example", "shop", "token")]
        assert "! values DECODED, on record" in _title(shown)
        await shown.press("x")
        await shown.until(lambda: SECRET_TEXT not in "\n".join(_view(shown).lines))
        ops.refusal = UnreachableError("the store is away", hint="--emergency records in a local one")
        await shown.press("x")
        await shown.until(lambda: "the store is away (--emergency" in shown.banner)
        assert SECRET_TEXT not in "\n".join(_view(shown).lines)
        assert "values masked" in _title(shown)


async def test_an_object_that_is_gone_keeps_what_was_read_and_says_so() -> None:
    """Pods come and go while one reads."""
    ops = ReadOps()
    async with stage(ops) as shown:
        await _open(shown, WEB)
        del ops.objects_by_name["web-1"]
        await shown.press("r")
        await shown.until(lambda: "does not exist" in shown.banner)
        assert "kind: Pod" in _view(shown).lines
        assert "✗ not refreshed, r tries again" in _title(shown)
        ops.objects_by_name["web-1"] = WEB_POD
        await shown.press("r")
        await shown.until(lambda: not shown.banner)


class EventfulOps(ReadOps):
    """Lists one warning of every object."""

    async def table(self, query: object) -> Table:
        if self.refusal is not None:
            raise self.refusal
        columns = tuple(Column(name=name) for name in ("Last Seen", "Type", "Reason", "Object", "Message"))
        cells = ("2m", "Warning", "BackOff", "pod/web-1", "[b]back-off[/b] restarting")
        return Table(
            columns=columns,
            rows=(Row(uid="e", name="e", namespace="shop", cells=cells, created=None, labels={}),),
            kind="events",
            namespaced=True,
        )


async def test_a_description_ends_with_the_events_and_can_be_searched_and_told_without_them() -> None:
    """Why a pod restarts stands in its last lines; not everybody may list events."""
    ops = EventfulOps()
    async with stage(ops) as shown:

        def make(connection: Session, clock: Clock) -> DescribeScreen:
            return DescribeScreen(WEB, connection, clock)

        await shown.open(make)
        await shown.until(lambda: _view(shown).lines)
        assert _view(shown).lines[-1].endswith("[b]back-off[/b] restarting")
        await shown.press("slash", *"back-off", "enter")
        assert _view(shown).found[1] == 1
        await shown.press("escape", "y")
        await shown.until(lambda: isinstance(shown.app.screen, DetailScreen))
        await shown.press("q")
        ops.refusal = NotFoundError("no events here")
        await shown.press("r")
        await shown.until(lambda: "not permitted to list them" in "\n".join(_view(shown).lines))


@pytest.mark.parametrize("spec", ["str", [1], {"containers": [{"name": "a"}, "str"]}])
async def test_an_object_of_unusual_shape_is_described_and_its_screen_stays(spec: object) -> None:
    """A custom resource may hold anything, and looking at one must not take the whole program away."""
    ops = EventfulOps()
    ops.objects_by_name["web-1"] = {**WEB_POD, "spec": spec, "status": "Active"}
    async with stage(ops) as shown:
        await shown.open(lambda connection, clock: DescribeScreen(WEB, connection, clock))
        await shown.until(lambda: "  Active" in _view(shown).lines)
        assert not shown.banner


class _Unforeseen(DescribeScreen):
    """Has met what nobody thought of."""

    def lay(self) -> Laid:
        raise ValueError("odd object")


async def test_what_cannot_be_laid_out_is_a_sentence_and_the_screen_stays() -> None:
    """One defect in telling an object would otherwise cost everything else that is open."""
    async with stage(EventfulOps()) as shown:
        await shown.open(lambda connection, clock: _Unforeseen(WEB, connection, clock))
        await shown.until(lambda: "cannot be shown: ValueError: odd object" in shown.banner)
        await shown.press("y")
        await shown.until(lambda: "kind: Pod" in _view(shown).lines)


async def test_e_edits_the_object_that_is_read_and_shows_it_anew_afterwards() -> None:
    """Who reads the YAML and sees what is wrong is a key away from mending it, as in k9s."""
    ops = ReadOps()
    async with stage(ops) as shown:
        await _open(shown, WEB)
        await shown.press("e")
        await shown.until(lambda: isinstance(shown.app.screen, EditScreen))
        await shown.until(lambda: "KEY_7" in shown.app.screen.query_one(TextArea).text)
        ops.objects_by_name["web-1"] = WEB_POD
        await shown.press("escape")
        await shown.until(lambda: isinstance(shown.app.screen, DetailScreen))
        await shown.until(lambda: "KEY_7" not in "".join(_view(shown).lines))
        await shown.press("escape")
        await shown.open(lambda connection, clock: DescribeScreen(WEB, connection, clock))
        await shown.press("e")
        await shown.until(lambda: isinstance(shown.app.screen, EditScreen))
