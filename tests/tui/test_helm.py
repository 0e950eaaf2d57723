"""Helm's screens under a pilot: the list, the history, and one revision with its secrets masked."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.errors import ForbiddenError, UnreachableError
from k8sops.core.releases import Hook, Release, ReleaseDetail, Releases, Storage
from k8sops.core.secret_values import MASK
from k8sops.tui.document.view import DocumentView
from k8sops.tui.helm.release_screen import ReleaseScreen
from k8sops.tui.helm.releases_screen import HistoryScreen, ReleasesScreen
from k8sops.tui.screens import SCREENS
from k8sops.tui.status import SaidLine
from tests.tui.fake_runs import RunOps
from tests.tui.feeds import START
from tests.tui.run_stage import Stage, stage

CART = Release(
    name="cart",
    namespace="shop",
    revision=10,
    status="deployed",
    updated=START - timedelta(hours=2),
    chart="cart-2.1.0",
    app_version="1.29",
    description="Upgrade complete",
)
OLD = msgspec.structs.replace(CART, revision=9, status="superseded")
ODD = Release(
    name="odd", namespace="data", revision=1, status="failed", trouble="the release cannot be unpacked"
)
MIGRATION = Hook(
    events=("pre-install", "pre-upgrade"),
    weight=-5,
    phase="Succeeded",
    ended=START - timedelta(hours=2),
    object={"kind": "Job", "metadata": {"name": "cart-migration"}},
)
TRIAL = Hook(events=("test",), object={"kind": "Pod", "metadata": {"name": "cart-test"}})


class HelmOps(RunOps):
    """Two releases; `limited` may only list the default namespace."""

    def __init__(self) -> None:
        super().__init__()
        self.limited = False
        self.listed: tuple[Release, ...] = (ODD, CART)
        self.unread: tuple[Storage, ...] = ()
        self.hooks: tuple[Hook, ...] = (MIGRATION, TRIAL)

    async def releases(self, namespace: str = "") -> Releases:
        if self.limited and not namespace:
            raise ForbiddenError("list secrets is forbidden to alice")
        found = tuple(one for one in self.listed if namespace in {"", one.namespace})
        return Releases(found, self.unread)

    async def release_history(self, namespace: str, name: str) -> tuple[Release, ...]:
        return (CART, OLD)

    async def release(self, release: Release, reveal_to: Actor | None = None) -> ReleaseDetail:
        if self.refusal is not None:
            raise self.refusal
        if reveal_to is not None:
            self.revealed.append((reveal_to.name, release.namespace, release.name))
        password = MASK if reveal_to is None else "made-up"
        return ReleaseDetail(
            release=release,
            notes="Open [b]http://cart[/b]",
            values={"password": password},
            all_values={"password": password, "replicas": 1},
            objects=({"kind": "Deployment", "metadata": {"name": "cart"}},),
            hooks=self.hooks,
            masked=reveal_to is None,
        )


def _title(shown: Stage) -> str:
    return str(shown.app.screen.query_one("#title", SaidLine).content)


def _lines(shown: Stage) -> list[str]:
    return list(shown.app.screen.query_one(DocumentView).lines)


async def test_releases_their_revisions_and_what_is_in_one_are_a_key_apart() -> None:
    """What is installed, since when it is broken, and with which values: in that order one asks."""
    ops = HelmOps()
    async with stage(ops, size=(80, 24)) as shown:
        await shown.open(SCREENS["helm"])
        await shown.sees("odd", "cart-2.1.0")
        assert "! 1 release could not be read whole" in _title(shown)
        assert isinstance(shown.app.screen, ReleasesScreen)
        await shown.press("slash", *"cart", "enter", "enter")
        await shown.until(lambda: isinstance(shown.app.screen, HistoryScreen))
        await shown.sees("superseded", "Upgrade complete")
        assert "helm › shop/cart · 2 revisions" in _title(shown)
        await shown.press("j", "enter")
        await shown.until(lambda: isinstance(shown.app.screen, ReleaseScreen) and _lines(shown))
        assert "shop/helm/cart v9" in _title(shown)
        assert "  Open [b]http://cart[/b]" in _lines(shown)
        assert "  Deployment/cart" in _lines(shown)
        await shown.press("y")
        await shown.until(lambda: "kind: Deployment" in _lines(shown))
        await shown.press("v")
        await shown.until(lambda: _lines(shown) == [f"password: {MASK}"])
        await shown.press("v")
        await shown.until(lambda: "replicas: 1" in _lines(shown))
        assert ops.revealed == []
        await shown.press("x")
        await shown.until(lambda: "password: made-up" in _lines(shown))
        assert ops.revealed == [("alice@acme.example", "shop", "cart")]
        await shown.press("x")
        await shown.until(lambda: f"password: {MASK}" in _lines(shown))
        ops.refusal = UnreachableError("the store is away")
        await shown.press("x")
        await shown.until(lambda: "the store is away" in shown.banner)
        assert f"password: {MASK}" in _lines(shown)
        await shown.press("escape", "escape", "escape")
        assert isinstance(shown.app.screen, ReleasesScreen)


async def test_whoever_may_read_one_namespace_sees_its_releases_and_that_it_is_one() -> None:
    """An empty list would say that nothing is installed."""
    ops = HelmOps()
    ops.limited = True
    async with stage(ops) as shown:
        await shown.open(SCREENS["helm"])
        await shown.sees("cart-2.1.0")
        assert "! in namespace shop only: more is not permitted" in _title(shown)
        ops.listed = ()
        await shown.press("r")
        await shown.sees("There are no Helm releases here")


async def test_hooks_are_told_with_the_notes_and_shown_by_a_key_of_their_own() -> None:
    """A migration that failed is a hook: it is in no manifest, and the release only says that it timed out."""
    ops = HelmOps()
    async with stage(ops, size=(80, 24)) as shown:
        await shown.open(SCREENS["helm"])
        await shown.sees("cart-2.1.0")
        await shown.press("slash", *"cart", "enter", "d")
        await shown.until(lambda: isinstance(shown.app.screen, ReleaseScreen) and _lines(shown))
        ran = "pre-install, pre-upgrade (weight -5); succeeded last, 2026-11-21 10:00:00 UTC"
        assert f"  Job/cart-migration: {ran}" in _lines(shown)
        assert "  Pod/cart-test: test; has not run" in _lines(shown)
        await shown.press("h")
        await shown.until(lambda: "kind: Job" in _lines(shown))
        assert f"# {ran}" in _lines(shown)
        assert "hooks" in _title(shown)
        ops.hooks = ()
        await shown.press("r")
        await shown.until(lambda: _lines(shown) == ["# none: this chart runs nothing beside its objects"])


async def test_a_list_that_lacks_what_may_not_be_read_says_so() -> None:
    """Half of a list that looks whole would be taken for all of it."""
    ops = HelmOps()
    ops.unread = ("configmaps",)
    async with stage(ops) as shown:
        await shown.open(SCREENS["helm"])
        await shown.sees("cart-2.1.0")
        assert "! without those in ConfigMaps: not permitted" in _title(shown)
