"""A revision of a Helm release: its notes, the values it was given, and its objects, secrets masked until asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.releases import Release, ReleaseDetail
from k8sops.core.text import printable
from k8sops.tui.describe import fact_line
from k8sops.tui.document.looks import words_spans, yaml_spans
from k8sops.tui.document.screen import DocumentScreen, Laid
from k8sops.tui.manifest import yaml_lines
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.session import Session

Part = Literal["notes", "values", "all", "manifest"]

TITLES: dict[Part, str] = {
    "notes": "notes",
    "values": "values given",
    "all": "all values",
    "manifest": "manifest",
}


class ReleaseScreen(DocumentScreen):
    """A part of a revision at a time."""

    ending = "yaml"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", show=False, id="release.save"),
        Binding("v", "values", "Values", id="release.values"),
        Binding("d", "part('notes')", "Notes", show=False, id="release.notes"),
        Binding("y", "part('manifest')", "Manifest", id="release.manifest"),
        Binding("x", "secrets", "Decode", id="release.secrets"),
    ]

    class _Revealed(Message):
        def __init__(self, found: ReleaseDetail) -> None:
            super().__init__()
            self.found = found

    class _Hidden(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, release: Release, part: Part, connection: Session, clock: Clock) -> None:
        label = f"{release.namespace}/helm/{release.name} v{release.revision}"
        super().__init__(label, connection, clock, namespace=release.namespace)
        self._release = release
        self._part: Part = part
        self._detail: ReleaseDetail | None = None
        self._shown: ReleaseDetail | None = None

    def action_values(self) -> None:
        """The values that were given; a second time with the chart's own below them."""
        self.action_part("all" if self._part == "values" else "values")

    def action_part(self, part: Part) -> None:
        """Show another part."""
        self._part = part
        self.lay_out()

    def action_secrets(self) -> None:
        """Show what is masked, or mask it again."""
        if self._shown is not None:
            self._shown = None
            self.lay_out()
        else:
            self.tell("~ putting on record that the values are looked at")
            self._reveal()

    def on_release_screen__revealed(self, message: _Revealed) -> None:
        """Show the values, which are on record by now as looked at."""
        self._shown = message.found
        self.tell("")
        self.lay_out()

    def on_release_screen__hidden(self, message: _Hidden) -> None:
        """Say why they stay masked."""
        self.tell("")
        self.refuse(message.error)

    async def fetch(self) -> None:
        """Read the revision."""
        self._detail = await (await self._connection.ops.reading()).release(self._release)
        self._shown = None

    def lay(self) -> Laid:
        """The part that is looked at."""
        detail = self._shown or self._detail
        if detail is None:
            return Laid(())
        if self._part == "notes":
            lines = [printable(line) for line in _words(detail)]
            return Laid(lines, words_spans(lines))
        if self._part == "manifest":
            lines = [line for one in detail.objects for line in ("---", *yaml_lines(one))]
        else:
            values = detail.values if self._part == "values" else detail.all_values
            lines = yaml_lines(values) if values else ["# none: the chart's own are in force; v shows them"]
        return Laid(lines, yaml_spans(lines))

    def notes(self) -> list[str]:
        """Which part, and whether secrets are masked."""
        shown = "! SHOWN, on record; x masks" if self._shown else "secrets masked, x decodes"
        return [TITLES[self._part], shown]

    @work(group="reveal", exclusive=True)
    async def _reveal(self) -> None:
        ops = self._connection.ops
        try:
            actor = await actor_at_screen(ops)
            self.post_message(self._Revealed(await (await ops.reading()).release(self._release, actor)))
        except K8sOpsError as error:
            self.post_message(self._Hidden(error))


def _words(detail: ReleaseDetail) -> Iterator[str]:
    one = detail.release
    yield fact_line("Release", one.name)
    yield fact_line("Namespace", one.namespace)
    yield fact_line("Revision", one.revision)
    yield fact_line("Status", one.status)
    yield fact_line("Chart", one.chart)
    if one.app_version:
        yield fact_line("App version", one.app_version)
    if one.updated is not None:
        yield fact_line("Updated", f"{one.updated:%Y-%m-%d %H:%M:%S} UTC")
    if one.description:
        yield fact_line("Description", one.description)
    yield ""
    yield "Notes"
    yield from (f"  {line}" for line in (detail.notes.strip("\n").split("\n") if detail.notes else ("none",)))
    yield ""
    yield "Objects"
    for found in detail.objects:
        metadata = found.get("metadata") or {}
        yield f"  {found.get('kind', '')}/{metadata.get('name', '')}"
