"""Lists of Helm releases: every release with its newest revision, and the revisions of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError
from k8sops.core.ops import Ops
from k8sops.core.releases import Release, Releases, Storage
from k8sops.core.tables import Column, Row
from k8sops.core.text import counted
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.helm.release_screen import Part, ReleaseScreen
from k8sops.tui.session import Session

STORED_IN: Final[dict[Storage, str]] = {"secrets": "Secrets", "configmaps": "ConfigMaps"}


class ReleasesScreen(ListScreen):
    """What Helm has installed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority: the footer says what it does here, and not what it does in tables.
        Binding("enter", "choose", "History", key_display="⏎", priority=True, id="helm.history"),
        Binding("v", "part('values')", "Values", id="helm.values"),
        Binding("d", "part('notes')", "Notes", id="helm.notes"),
        Binding("y", "part('manifest')", "Manifest", id="helm.manifest"),
        Binding("h", "part('hooks')", "Hooks", show=False, id="helm.hooks"),
    ]
    WORD: ClassVar[str] = "release"
    EMPTY: ClassVar[str] = (
        "There are no Helm releases here: no Secret of type helm.sh/release.v1, and no ConfigMap of Helm's. "
        "What is kept in a database (HELM_DRIVER=sql) is not on the cluster."
    )
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Name"),
        Column(name="Rev", type="integer"),
        Column(name="Status"),
        Column(name="Chart"),
        Column(name="App"),
        Column(name="Age"),
        Column(name="Description"),
    )
    EVERY_S: ClassVar[float] = 20.0

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._releases: dict[str, tuple[Release, Row]] = {}
        self._only = ""
        self._unread: tuple[Storage, ...] = ()

    async def fetch(self, ops: Ops) -> Any:
        """Every release; where only one namespace may be read, that one's."""
        reading = await ops.reading()
        try:
            return await reading.releases(), ""
        except ForbiddenError:
            return await reading.releases(ops.default_namespace), ops.default_namespace

    def show(self, found: Any) -> None:
        """Show them; rows of releases that have not changed stay the same rows."""
        releases, self._only = found
        self._unread = releases.unread
        known, self._releases = self._releases, {}
        for one in releases.found:
            key = _key(one)
            row = self._row(one)
            kept = known.get(key)
            self._releases[key] = (one, kept[1] if kept is not None and kept[1] == row else row)
        self.put([row for _, row in self._releases.values()], with_namespace=self.with_namespace)

    with_namespace = True

    def notes(self) -> Iterator[str]:
        """Where it was looked, where that was not everywhere."""
        yield from ("helm", *super().notes())
        if self._only:
            yield f"! in namespace {self._only} only: more is not permitted"
        if self._unread:
            yield f"! without those in {STORED_IN[self._unread[0]]}: not permitted"
        if unread := sum(1 for one, _ in self._releases.values() if one.trouble):
            yield f"! {counted(unread, 'release')} could not be read whole"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, every key is text."""
        return super().check_action("filter" if action == "choose" else action, parameters)

    def action_choose(self) -> None:
        """Show the revisions of the release under the cursor."""
        if (one := self.release) is not None:
            self.app.push_screen(HistoryScreen(self._connection, self._clock, one))

    def action_part(self, part: Part) -> None:
        """Show a part of the release under the cursor."""
        if (one := self.release) is not None:
            self.app.push_screen(ReleaseScreen(one, part, self._connection, self._clock))

    def opened(self, row: Row) -> None:
        """A second click on a row."""
        self.action_choose()

    @property
    def release(self) -> Release | None:
        """The release under the cursor."""
        found = self._releases.get(self.selected)
        return found[0] if found is not None else None

    @staticmethod
    def _row(one: Release) -> Row:
        said = f"! {one.trouble}" if one.trouble else one.description
        cells = (one.name, str(one.revision), one.status, one.chart, one.app_version, "", said)
        return row_of(_key(one), cells, name=one.name, namespace=one.namespace, created=one.updated)


class HistoryScreen(ReleasesScreen):
    """The revisions of one release that Helm has kept, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "part('notes')", "Notes", key_display="⏎", priority=True, id="helm.open"),
        Binding("d", "part('notes')", "Notes", show=False, id="helm.notes_too"),
    ]
    WORD: ClassVar[str] = "revision"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Rev", type="integer"),
        Column(name="Status"),
        Column(name="Chart"),
        Column(name="App"),
        Column(name="Age"),
        Column(name="Description"),
    )
    with_namespace = False

    def __init__(self, connection: Session, clock: Clock, about: Release) -> None:
        super().__init__(connection, clock)
        self._about = about

    async def fetch(self, ops: Ops) -> Any:
        """Its revisions."""
        revisions = await (await ops.reading()).release_history(self._about.namespace, self._about.name)
        return Releases(revisions), ""

    def notes(self) -> Iterator[str]:
        """Whose revisions these are."""
        _, *rest = super().notes()
        yield from (f"helm › {self._about.namespace}/{self._about.name}", *rest)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter opens a revision; while a filter is typed, it is the filter's."""
        if action == "choose":
            return False
        if action == "part":
            return super().check_action("filter", parameters)
        return super().check_action(action, parameters)

    @staticmethod
    def _row(one: Release) -> Row:
        said = f"! {one.trouble}" if one.trouble else one.description
        cells = (str(one.revision), one.status, one.chart, one.app_version, "", said)
        return row_of(_key(one), cells, name=f"v{one.revision}", created=one.updated)


def _key(one: Release) -> str:
    return f"{one.storage}/{one.namespace}/{one.name}/{one.revision}"
