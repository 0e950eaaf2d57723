"""Which actions rows are offered: what each declares, and nothing that the screen would have to know beforehand."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from textual.binding import Binding
from textual.widgets import OptionList, Static

from k8sops.actions import registry
from k8sops.core.tables import TableQuery
from k8sops.service.catalog import ANY_KIND, offered_specs, spec_named
from k8sops.tui.acting.menu import ActionMenu
from k8sops.tui.acting.offers import acting_keys, offers_for
from k8sops.tui.acting.screen import ActingScreen
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.help import HelpScreen
from k8sops.tui.sessions.screen import SessionsScreen
from k8sops.tui.shell.key_choice import keys_reference, problems_of
from k8sops.tui.shell.offered import offered
from tests.tui.acting_desk import ActingOps, acting
from tests.tui.at_rest import at_rest, until
from tests.tui.feeds import POD_COLUMNS, Desk, Feed, FixedClock, pod
from tests.tui.made_up_action import BLESS

KINDS: Final = sorted(
    {kind for spec in offered_specs() for on in spec.on_rows for kind in on.kinds} - {ANY_KIND}
)


@pytest.fixture
def blessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more action is registered."""
    monkeypatch.setattr(registry, "ACTIONS", (*registry.ACTIONS, BLESS))


@pytest.mark.usefixtures("blessed")
async def test_a_registered_action_is_in_the_menu_and_behind_its_key() -> None:
    """Whoever adds an action must not have to change the screen for it."""
    async with acting("pods", pod("web-0"), pod("web-1")) as seen:
        await seen.press("a")
        assert seen.is_at(ActionMenu)
        lines = [str(option.prompt) for option in seen.app.screen.query_one(OptionList).options]
        assert any(line.startswith("n ") and "Bless" in line and "Wish pods well." in line for line in lines)
        await seen.press("f9")
        assert seen.ops.previews == [{"pods": ["web-0", "web-1"], "namespace": "shop"}]
        await seen.press("escape", "n")
        assert len(seen.ops.previews) == 2
        assert "Bless 2 pods in shop" in str(seen.dialog.query_one("#box")._border_title)


@pytest.mark.usefixtures("blessed")
async def test_a_registered_action_is_in_help_palette_and_the_page_of_keys() -> None:
    """Each of them is where somebody looks first."""
    app, ops = _table_of_pods()
    async with app.run_test(size=(120, 32)) as pilot:
        await at_rest(pilot, "web-0")
        assert ("Bless", "web-0: Wish pods well.") in [
            (one.label, one.help) for one in offered(app, app.screen)
        ]
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "n            Bless" in str(app.screen.query_one(Static).content)
        await pilot.press("escape", "n")
        await until(pilot, lambda: ops.previews)
    assert "| `act.n` | `n` | Bless (pods, ingresses) |" in keys_reference()
    assert problems_of({"act.f9": "f8"}) == ()


@pytest.mark.usefixtures("blessed")
@pytest.mark.parametrize("typed", ["ingresses", "ing", "Ingress", "ingresses.networking.k8s.io"])
def test_a_kind_has_its_actions_however_it_was_typed(typed: str) -> None:
    """Whoever types the short name looks at the same rows."""
    assert "bless" in {offer.action for offer in offers_for(typed)}
    assert "bless" not in {offer.action for offer in offers_for("ingresses.example")}


def test_an_action_says_on_which_rows_it_is_or_where_else() -> None:
    """Who adds an action decides where people at the screen find it; by default they would not."""
    for spec in offered_specs():
        assert bool(spec.on_rows) != bool(spec.elsewhere), spec.name


@pytest.mark.parametrize("kind", [*KINDS, "configmaps"])
def test_no_key_is_declared_twice_for_a_kind(kind: str) -> None:
    """The second action would be behind a key that never reaches it."""
    suspended = pod("night", status="True")
    for rows in ((), (suspended,)):
        offers = offers_for(kind, rows)
        names = Counter(offer.action for offer in offers)
        keys = Counter(key for offer in offers for key in offer.on.keys)
        assert max(names.values()) == 1
        assert not [key for key, times in keys.items() if times > 1]


def test_every_declared_key_is_bound_and_none_is_the_menus() -> None:
    """A key in the menu's line that does nothing in the table is a promise that is not kept."""
    bound = {binding.key for binding in Binding.make_bindings(SessionsScreen.BINDINGS)} | {*acting_keys()}
    assert {key for spec in offered_specs() for on in spec.on_rows for key in on.keys} <= bound
    assert not {binding.key for binding in Binding.make_bindings(ActingScreen.BINDINGS)} & {*acting_keys()}


def test_an_action_takes_the_place_only_of_one_that_is_there() -> None:
    """A name that is no action's would leave both in the menu, with one key."""
    for spec in offered_specs():
        for on in spec.on_rows:
            assert bool(on.instead_of) == bool(on.where_cell)
            if on.instead_of:
                assert {*on.kinds} <= {
                    kind for other in spec_named(on.instead_of).on_rows for kind in other.kinds
                }


def _table_of_pods() -> tuple[K8sOpsApp, ActingOps]:
    ops = ActingOps()
    ops.feeds = {"pods": Feed(POD_COLUMNS, [pod("web-0")])}
    app = K8sOpsApp(Desk(ops).open, TableQuery(kind="pods"), all_namespaces=True, clock=FixedClock())
    return app, ops
