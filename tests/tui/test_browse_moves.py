"""Moving about as in k9s: into objects and back, other namespaces and contexts, marks, faults, completion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest
from textual.widgets import Input

from k8sops.core.contexts import Context
from k8sops.core.errors import ForbiddenError, SelectorError, UnreachableError
from k8sops.core.ports import Resource
from k8sops.core.tables import Column, Owner, Row, TableQuery
from k8sops.tui.app import K8sOpsApp
from k8sops.tui.context_screen import ContextScreen
from k8sops.tui.live_table import LiveTable
from k8sops.tui.prompt import Prompt
from k8sops.tui.row_view import row_key
from k8sops.tui.status import Banner, ClusterLine, TableLine
from tests.tui.at_rest import until
from tests.tui.feeds import NODE_COLUMNS, POD_COLUMNS, Desk, DeskOps, Feed, FixedClock, node, pod
from tests.tui.scenes import SHOP, WEB_POD
from tests.tui.test_browse import Screenful

DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web"},
    "spec": {
        "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}],
        }
    },
}
FIGURES = tuple(Column(name=name, type="number", spare=1) for name in ("CPU", "MEM", "%CPU/R", "%MEM/R"))
PLAIN_COLUMNS = (Column(name="Name"), Column(name="Age"))


class CompanyOps(DeskOps):
    """A desk that says what it serves."""

    async def kinds(self) -> tuple[Resource, ...]:
        return tuple(
            Resource(group=group, version="v1", plural=plural, kind=plural.capitalize(), namespaced=True)
            for group, plural in (("", "pods"), ("", "nodes"), ("acme.example", "widgets"))
        )


class TwoContexts:
    """Contexts of a made-up kubeconfig; one of them may be away."""

    def __init__(self, desks: dict[str, Desk]) -> None:
        self.desks = desks

    async def listed(self) -> tuple[Context, ...]:
        return tuple(
            Context(name=name, server=f"https://{name}", is_default=name == "acme-staging")
            for name in sorted(self.desks)
        )

    async def sign_in(self, name: str) -> None:
        raise NotImplementedError

    def open(self, name: str) -> AbstractAsyncContextManager[DeskOps]:
        return self.desks[name].open()


def _named(name: str, **fields: Any) -> Row:
    row = pod(name, **fields)
    return msgspec.structs.replace(row, cells=(name, "1s"), owners=())


def _desk(name: str = "acme-staging") -> Desk:
    replica_set = _named("web-7d9c5b8f6d")
    owned = msgspec.structs.replace(
        SHOP[-1], owners=(Owner(kind="ReplicaSet", name=replica_set.name, uid=replica_set.uid),)
    )
    ops = CompanyOps(
        {
            "pods": Feed((*POD_COLUMNS, *FIGURES), [*SHOP[:-1], owned]),
            "nodes": Feed(NODE_COLUMNS, [node("node-1"), node("node-2", status="NotReady")]),
            "deploy": Feed(PLAIN_COLUMNS, [_named("api"), _named("web")]),
            "containers": Feed(PLAIN_COLUMNS, [_named("app")]),
            "replicasets": Feed(PLAIN_COLUMNS, [_named("api-1"), replica_set]),
            "ns": Feed(PLAIN_COLUMNS, [_named("payments", namespace=""), _named("shop", namespace="")]),
            "namespaces": Feed(
                PLAIN_COLUMNS, [_named("payments", namespace=""), _named("shop", namespace="")]
            ),
            "secrets": Feed(PLAIN_COLUMNS, [_named("token")]),
            "events": Feed(
                (Column(name="Last Seen"), Column(name="Type"), Column(name="Reason"), Column(name="Message"))
            ),
        },
        {row.name: WEB_POD for row in SHOP} | {"web": DEPLOYMENT},
    )
    ops._info = msgspec.structs.replace(ops._info, context=name, name=name)
    return Desk(ops)


@asynccontextmanager
async def _screen(
    desks: dict[str, Desk] | None = None, *, all_namespaces: bool = True
) -> AsyncIterator[Screenful]:
    desks = desks or {"acme-staging": _desk(), "beta": _desk("beta")}
    desk, clock = desks["acme-staging"], FixedClock()
    app = K8sOpsApp(
        desk.open,
        TableQuery(kind="pods"),
        all_namespaces=all_namespaces,
        clock=clock,
        contexts=TwoContexts(desks),
    )
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        screen = Screenful(app, pilot, desk, clock)
        await screen.settle()
        yield screen


async def _until(screen: Screenful, holds: Callable[[], bool]) -> None:
    await until(screen.pilot, holds)


async def _command(screen: Screenful, text: str) -> None:
    await screen.press("colon")
    screen.browse.query_one(Prompt).query_one(Input).value = text
    await screen.press("enter")


async def test_enter_leads_from_a_deployment_to_its_pods_and_escape_back_to_it() -> None:
    """The way every outage is looked into, and back, with the cursor where it was."""
    async with _screen() as screen:
        await _command(screen, "deploy")
        await screen.press("j", "enter")
        await _until(screen, lambda: screen.says(TableLine).startswith("deploy/web › pods"))
        assert screen.desk.ops.queries[-1] == TableQuery(
            kind="pods", namespace="shop", label_selector="app=web,!old"
        )
        await screen.press("escape")
        assert screen.says(TableLine).startswith("deploy ·")
        assert screen.table.selected_row is not None
        assert screen.table.selected_row.name == "web"


async def test_enter_leads_from_nodes_and_namespaces_to_pods() -> None:
    """What runs there is what one wants to know."""
    async with _screen() as screen:
        await _command(screen, "nodes")
        await screen.press("enter")
        assert screen.desk.ops.queries[-1] == TableQuery(kind="pods", field_selector="spec.nodeName=node-1")
        await _command(screen, "ns")
        await screen.press("enter")
        assert screen.desk.ops.queries[-1] == TableQuery(kind="pods", namespace="payments")
        assert "payments" in screen.says(ClusterLine)


async def test_shift_j_goes_to_the_owner_with_the_cursor_on_it() -> None:
    """From a failing pod to what keeps making it."""
    async with _screen() as screen:
        await screen.press("G", "J")
        assert " › replicasets · 2 rows" in screen.says(TableLine)
        assert screen.table.selected_row is not None
        assert screen.table.selected_row.name == "web-7d9c5b8f6d"
        await screen.press("escape", "g", "J")
        assert "has no owner" in screen.says(Banner)


async def test_commands_before_are_a_key_away() -> None:
    """Two tables looked at in turns cost one key each."""
    async with _screen() as screen:
        await _command(screen, "nodes")
        await screen.press("minus")
        assert screen.says(TableLine).startswith("pods ·")
        await screen.press("minus")
        assert screen.says(TableLine).startswith("nodes ·")
        await screen.press("left_square_bracket", "left_square_bracket")
        assert screen.says(TableLine).startswith("nodes ·")
        await screen.press("right_square_bracket")
        assert screen.says(TableLine).startswith("pods ·")


async def test_a_refused_way_in_leaves_trail_and_table_as_they_were() -> None:
    """Forbidden is a sentence, not a place."""
    async with _screen() as screen:
        await _command(screen, "deploy")
        await screen.press("g", "enter")
        await _until(screen, lambda: "does not exist" in screen.says(Banner))
        assert screen.says(TableLine).startswith("deploy ·")
        await screen.press("escape")
        assert screen.says(Banner) == ""


async def test_digits_are_the_namespaces_shown_before() -> None:
    """1 is the context's own; a digit without a namespace says which there are."""
    async with _screen() as screen:
        await _command(screen, "pods payments")
        await screen.press("1")
        assert screen.desk.ops.queries[-1].namespace == "shop"
        await screen.press("2")
        assert screen.desk.ops.queries[-1].namespace == "payments"
        await screen.press("7")
        assert "0 all, 1 shop, 2 payments" in screen.says(Banner)


async def test_marked_rows_are_what_an_action_is_about_whatever_is_filtered() -> None:
    """A mark is on an object: a filter hides it, and the count still says so; the object's end ends it."""
    async with _screen() as screen:
        await screen.press("g", "space", "j", "j", "ctrl+@")
        marked = [row.name for row in screen.browse.chosen().rows]
        assert marked == [row.name for row in SHOP[:3]]
        assert "* 3 marked" in screen.says(TableLine)
        await screen.type("/cart")
        await screen.press("enter")
        assert len(screen.browse.chosen().rows) == 3
        screen.pods.drop(row_key(SHOP[0]))
        await screen.settle()
        assert len(screen.browse.chosen().rows) == 2
        await screen.press("ctrl+backslash")
        assert [row.name for row in screen.browse.chosen().rows] == ["cart-redis-0"]


async def test_marks_end_with_the_table_they_were_made_in() -> None:
    """What was marked elsewhere must never be acted on here."""
    async with _screen() as screen:
        await screen.press("space")
        await screen.press("1")
        assert screen.table.marked == ()


async def test_faults_only_shows_what_is_in_trouble_until_escape() -> None:
    """Fifteen pods, of which some need somebody; a finished one does not."""
    async with _screen() as screen:
        await screen.press("ctrl+z")
        assert "etl-nightly-29384-qqx8r" in screen.names()
        assert "checkout-6f5c9d7b88-9qwzl" in screen.names()
        assert "ledger-migrate-28911-x7k2p" not in screen.names()
        assert "cart-redis-0" not in screen.names()
        assert "! faults only" in screen.says(TableLine)
        await screen.press("escape")
        assert len(screen.names()) == len(SHOP)


async def test_a_capital_letter_sorts_and_brings_its_column_into_sight() -> None:
    """An order by a column one cannot see would look like none."""
    async with _screen() as screen:
        await screen.press("T")
        assert screen.table.order == ("RESTARTS", True)
        await screen.press("T")
        assert screen.table.order == ("RESTARTS", False)
        await screen.press("O")
        assert screen.table.order == ("NODE", False)
        assert "NODE" in [column.title for column in screen.table.columns]


async def test_tab_completes_kinds_namespaces_and_contexts_and_up_recalls() -> None:
    """What the cluster serves is what is suggested, a custom kind as well."""
    async with _screen() as screen:
        await screen.app.workers.wait_for_complete()
        commands = screen.browse.query_one(Prompt).commands
        await _until(screen, lambda: commands.complete("wid") == "widgets")
        assert commands.complete("po") == "pods"
        assert commands.complete("pods pay") == "pods payments"
        assert commands.complete("pods shop,p") == "pods shop,payments"
        assert commands.complete("pods shop,sho") is None
        await _until(screen, lambda: commands.complete("pods @be") == "pods @beta")
        await screen.press("colon", "n", "o", "tab", "enter")
        assert screen.says(TableLine).startswith("nodes ·")
        await screen.press("colon", "up")
        assert screen.browse.query_one(Input).value == "nodes"
        await screen.press("down", "escape")


async def test_another_context_is_chosen_from_the_list() -> None:
    """Header, identity and rows are the other cluster's; nothing of the first one's is left to act on."""
    async with _screen() as screen:
        await screen.press("space")
        await _command(screen, "ctx")
        await _until(screen, lambda: isinstance(screen.app.screen, ContextScreen))
        listed = screen.app.screen.query_one(LiveTable)
        await _until(screen, lambda: len(listed.shown) == 2)
        assert listed.selected_row is not None
        assert listed.selected_row.name == "acme-staging"
        await screen.press("j", "enter")
        await _until(screen, lambda: screen.says(ClusterLine).startswith("beta"))
        await screen.settle()
        assert screen.table.marked == ()
        assert "✓ live" in screen.says(TableLine)


async def test_a_command_in_another_context_shows_that_contexts_own_namespace() -> None:
    """The namespace of here means nothing there."""
    async with _screen() as screen:
        await _command(screen, "nodes @beta /2")
        await _until(screen, lambda: screen.says(ClusterLine).startswith("beta · staging · shop"))
        await screen.settle()
        assert screen.names() == ["node-2"]


async def test_a_context_that_is_away_leaves_the_last_one_usable() -> None:
    """k9s users had to kill their screen."""
    desks = {"acme-staging": _desk(), "beta": _desk("beta")}
    desks["beta"].failure = UnreachableError("https://beta does not answer", hint="check the VPN")
    async with _screen(desks) as screen:
        await _command(screen, "ctx beta")
        await _until(screen, lambda: "https://beta does not answer" in screen.says(Banner))
        assert "Still on acme-staging" in screen.says(Banner)
        assert screen.says(ClusterLine).startswith("acme-staging")
        await _command(screen, "nodes")
        assert screen.names() == ["node-1", "node-2"]


async def test_where_the_first_context_is_away_the_others_are_offered() -> None:
    """A laptop opens on yesterday's cluster; today's is in the same file."""
    desks = {"acme-staging": _desk(), "beta": _desk("beta")}
    desks["acme-staging"].failure = UnreachableError("https://10.0.0.1 does not answer")
    async with _screen(desks) as screen:
        await _until(screen, lambda: isinstance(screen.app.screen, ContextScreen))
        assert "does not answer" in screen.says(Banner)
        listed = screen.app.screen.query_one(LiveTable)
        await _until(screen, lambda: len(listed.shown) == 2)
        await screen.pilot.press("j", "enter")
        await _until(screen, lambda: screen.says(ClusterLine).startswith("beta"))
        await screen.settle()
        assert len(screen.names()) == len(SHOP)


async def test_the_cursor_stays_on_the_context_that_was_not_reached() -> None:
    """Whoever mends the login and presses Enter again must not land on another cluster."""
    desks = {"aaa": _desk("aaa"), "acme-staging": _desk(), "beta": _desk("beta")}
    for name, desk in desks.items():
        desk.failure = UnreachableError(f"https://{name} does not answer")
    async with _screen(desks) as screen:
        await _not_reached(screen, "acme-staging")
        await screen.pilot.press("j", "enter")
        listed = await _not_reached(screen, "beta")
        await screen.pilot.press("ctrl+r", "k", "ctrl+r")
        await screen.app.workers.wait_for_complete()
        await screen.pilot.pause()
        assert listed.selected_row is listed.shown[1], "reading again leaves the cursor where it was put"


async def _not_reached(screen: Screenful, name: str) -> LiveTable:
    """The list of contexts, with the reason above it and the cursor on the one it is about."""
    await _until(screen, lambda: f"{name} does not answer" in screen.says(Banner))
    listed = screen.app.screen.query_one(LiveTable)
    await _until(screen, lambda: len(listed.shown) == 3)
    assert listed.selected_row is not None
    assert listed.selected_row.cells[:2] == (name, "✗ not reached")
    return listed


@pytest.mark.parametrize("kind", ["deploy", "deployments.apps", "Deployment"])
def test_a_kind_is_known_however_it_is_typed(kind: str) -> None:
    """The way in must not depend on spelling."""
    from k8sops.tui.kind_names import known_plural

    assert known_plural(kind) == "deployments"
    assert known_plural("services.serving.example") == ""


def _without_rows() -> dict[str, Desk]:
    desk = _desk()
    desk.ops.feeds["pods"] = Feed(POD_COLUMNS, [])
    desk.ops.feeds["namespaces"] = Feed(PLAIN_COLUMNS, [pod("payments"), pod("shop")])
    return {"acme-staging": desk}


async def test_a_mistyped_namespace_does_not_pass_for_an_empty_one() -> None:
    """The API server lists nothing in either; `live, no pods` of a namespace that is not there is believed."""
    desks = _without_rows()
    desks["acme-staging"].ops.no_namespaces.add("paymnts")
    async with _screen(desks) as screen:
        await _command(screen, "pods paymnts")
        said = "There is no namespace paymnts; did you mean payments?"
        await _until(screen, lambda: screen.table.placeholder.startswith(said))
        await _command(screen, "pods payments")
        await _until(screen, lambda: "There are no pods in namespace payments" in screen.table.placeholder)


async def test_a_selector_that_is_refused_is_told_with_how_one_is_written() -> None:
    """What to do about it is known: `Ctrl-R tries again` alone would never help."""
    desks = {"acme-staging": _desk()}
    desks["acme-staging"].ops.feeds["jobs"] = feed = Feed()
    async with _screen(desks) as screen:
        await _command(screen, "jobs")
        feed.fail(
            SelectorError("jobs in shop: the selector 'a in' is refused", hint="write them as in `a in (b)`")
        )
        said = "the selector 'a in' is refused. Write them as in `a in (b)`. Press Ctrl-R"
        await _until(screen, lambda: said in screen.table.placeholder)


async def test_a_namespace_that_may_not_be_read_is_not_said_to_be_missing() -> None:
    """Most people may list the pods of a namespace, and not read the namespace."""
    desks = _without_rows()
    ops = desks["acme-staging"].ops
    ops.no_namespaces.add("hidden")
    ops.namespaces_refusal = ForbiddenError("get namespaces/hidden: forbidden")
    async with _screen(desks) as screen:
        await _command(screen, "pods hidden")
        await _until(screen, lambda: "There are no pods in namespace hidden" in screen.table.placeholder)
        await screen.settle()
        assert "There are no pods in namespace hidden" in screen.table.placeholder
