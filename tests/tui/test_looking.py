"""What every table offers to whoever only looks, pressed in the real screen of tables."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.widgets import Static

from k8sops.core.errors import UsageError
from k8sops.core.plan import Target
from k8sops.core.tables import Column, TableQuery
from k8sops.core.uses import Use, Uses
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.detail import DetailScreen
from k8sops.tui.document.uses_screen import UsesScreen
from k8sops.tui.document.view import DocumentView
from k8sops.tui.live_table import LiveTable
from tests.tui.at_rest import until
from tests.tui.feeds import POD_COLUMNS, Desk, DeskOps, Feed, FixedClock, pod
from tests.tui.scenes import SECRET, SECRET_TEXT, SHOP

EVENTS = Feed((Column(name="Last Seen"), Column(name="Reason")), [pod("event")])


class UsedOps(DeskOps):
    """One Secret, and who uses it."""

    def __init__(self) -> None:
        feeds = {
            "pods": Feed(POD_COLUMNS, SHOP),
            "events": EVENTS,
            "secrets": Feed((Column(name="Name", format="name"),), [pod("token")]),
            "deployments.apps": Feed((Column(name="Name", format="name"),), [pod("web"), pod("xyz")]),
        }
        super().__init__(feeds, {"token": SECRET})
        self.uses = Uses()

    async def used_by(self, kind: str, name: str, namespace: str = "") -> Uses:
        if kind == "pods":
            raise UsageError("who uses pods cannot be told", hint="it can of secrets")
        return self.uses


async def test_names_are_copied_rows_saved_events_shown_secrets_decoded_and_users_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """k9s's keys for looking, one after the other as one would press them."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    ops = UsedOps()
    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock())
    async with app.run_test(size=(120, 30)) as pilot:

        def table() -> LiveTable:
            return app.screen.query_one(LiveTable)

        def title() -> str:
            return "\n".join(str(one.content) for one in app.screen.query(Static) if one.display)

        await until(pilot, lambda: app.screen.query(LiveTable) and len(table().shown) == len(SHOP))
        await pilot.press("c")
        assert app.clipboard == SHOP[0].name
        await pilot.press("space", "j", "space", "c")
        assert app.clipboard.split("\n") == [SHOP[0].name, SHOP[1].name]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: list(tmp_path.glob("saved/pods-*.csv")))
        saved = tmp_path / "saved" / "pods-20261121T120000.csv"
        await until(pilot, lambda: saved.stat().st_size > 0)
        header, *lines = saved.read_text().splitlines()
        assert header.startswith("NAMESPACE,NAME,READY,STATUS")
        assert len(lines) == len(SHOP)
        assert "\x1b" not in saved.read_text()
        await pilot.press("x")
        assert not isinstance(app.screen, DetailScreen), "only Secrets are decoded"
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UsesScreen) and "cannot be told" in title())
        await pilot.press("escape", "escape", "v")
        await until(pilot, lambda: ops.queries[-1].kind == "events")
        assert ops.queries[-1].field_selector == f"involvedObject.uid={SHOP[0].uid}"
        await pilot.press("escape")
        await until(pilot, lambda: ops.queries[-1].kind == "pods")


async def test_a_secret_is_decoded_from_its_row_and_its_user_is_gone_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads this password, and what is it: two keys."""
    ops = UsedOps()
    web = Target(kind="deployments.apps", name="xyz", namespace="shop", uid="uid-shop-xyz")
    ops.uses = Uses(found=(Use(by=web, how="volume [b]tls[/b]"),), unread=("cronjobs.batch",))
    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="secrets"), all_namespaces=True, clock=FixedClock())
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.screen.query(LiveTable) and app.screen.query_one(LiveTable).shown)
        await pilot.press("x")
        await until(
            pilot,
            lambda: (
                app.screen.query(DocumentView)
                and f"  token: {SECRET_TEXT}" in app.screen.query_one(DocumentView).lines
            ),
        )
        assert ops.revealed == [("alice@acme.example", "shop", "token")]
        await pilot.press("escape", "u")
        await until(
            pilot, lambda: isinstance(app.screen, UsesScreen) and app.screen.query_one(LiveTable).shown
        )
        assert app.screen.query_one(LiveTable).shown[0].cells[2] == "volume [b]tls[/b]"
        assert "not permitted: list cronjobs" in str(app.screen.query_one("#title", Static).content)
        await pilot.press("enter")
        await until(pilot, lambda: ops.queries[-1].kind == "deployments.apps")
        await until(pilot, lambda: app.screen.query_one(LiveTable).selected_row is not None)
        row = app.screen.query_one(LiveTable).selected_row
        assert row is not None
        assert row.name == "xyz"


async def test_events_of_one_object_show_what_happened_in_place_of_its_name_and_say_when_there_are_none() -> (
    None
):
    """In a small terminal forty characters of the pod's name, the same on each line, leave the message none."""
    columns = tuple(
        Column(name=name, format="name" if name == "Name" else "")
        for name in ("Last Seen", "Type", "Reason", "Object", "Message")
    )
    happened = msgspec.structs.replace(
        pod("event"), cells=("5m", "Normal", "Pulled", "pod/web-7c6fd7c547-abcde", "Container image is there")
    )
    feed = Feed(columns, [happened])
    ops = DeskOps({"pods": Feed(POD_COLUMNS, SHOP), "events": feed}, {})
    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock())
    async with app.run_test(size=(80, 24)) as pilot:

        def seen() -> str:
            table = app.screen.query_one(LiveTable)
            return "\n".join(table.render_line(line).text for line in range(table.size.height))

        await until(pilot, lambda: app.screen.query(LiveTable) and app.screen.query_one(LiveTable).shown)
        await pilot.press("v")
        await until(pilot, lambda: "Container image is there" in seen())
        assert "OBJECT" not in seen()
        feed.set([])
        await until(pilot, lambda: "Nothing happened to it lately" in seen())
        await pilot.press("colon", *"events", "enter")
        feed.set([happened])
        await until(pilot, lambda: "OBJECT" in seen())
