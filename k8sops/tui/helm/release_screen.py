"""A revision of a Helm release: notes, the values it was given, objects and hooks, secrets masked until asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.fact_lines import fact_line
from k8sops.core.plan import JsonObject
from k8sops.core.releases import Hook, Release, ReleaseDetail
from k8sops.core.text import printable
from k8sops.tui.document.looks import words_spans, yaml_spans
from k8sops.tui.document.revealing import RevealingScreen
from k8sops.tui.document.screen import Laid
from k8sops.tui.manifest import yaml_lines
from k8sops.tui.session import Session

Part = Literal["notes", "values", "all", "manifest", "hooks"]

TITLES: dict[Part, str] = {
    "notes": "notes",
    "values": "values given",
    "all": "all values",
    "manifest": "manifest",
    "hooks": "hooks",
}


class ReleaseScreen(RevealingScreen[ReleaseDetail]):
    """A part of a revision at a time."""

    ending = "yaml"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", show=False, id="release.save"),
        Binding("v", "values", "Values", id="release.values"),
        Binding("d", "part('notes')", "Notes", show=False, id="release.notes"),
        Binding("y", "part('manifest')", "Manifest", id="release.manifest"),
        Binding("h", "part('hooks')", "Hooks", show=False, id="release.hooks"),
        Binding("x", "secrets", "Decode", id="release.secrets"),
    ]

    def __init__(self, release: Release, part: Part, connection: Session, clock: Clock) -> None:
        label = f"{release.namespace}/helm/{release.name} v{release.revision}"
        super().__init__(label, connection, clock, namespace=release.namespace)
        self._release = release
        self._part: Part = part
        self._detail: ReleaseDetail | None = None

    def action_values(self) -> None:
        """The values that were given; a second time with the chart's own below them."""
        self.action_part("all" if self._part == "values" else "values")

    def action_part(self, part: Part) -> None:
        """Show another part."""
        self._part = part
        self.lay_out()

    async def fetch(self) -> None:
        """Read the revision."""
        self._detail = await (await self._connection.ops.reading()).release(self._release)
        self.revealed = None

    def lay(self) -> Laid:
        """The part that is looked at."""
        detail = self.revealed or self._detail
        if detail is None:
            return Laid(())
        if self._part == "notes":
            lines = [printable(line) for line in _words(detail)]
            return Laid(lines, words_spans(lines))
        if self._part == "manifest":
            lines = [line for one in detail.objects for line in ("---", *yaml_lines(one))]
            lines = lines or ["# none: this revision sent no objects"]
        elif self._part == "hooks":
            lines = [
                line
                for one in detail.hooks
                for line in ("---", f"# {_of_hook(one)}", *yaml_lines(one.object))
            ]
            lines = lines or ["# none: this chart runs nothing beside its objects"]
        else:
            values = detail.values if self._part == "values" else detail.all_values
            lines = yaml_lines(values) if values else ["# none: the chart's own are in force; v shows them"]
        return Laid(lines, yaml_spans(lines))

    def notes(self) -> list[str]:
        """Which part, and whether secrets are masked."""
        shown = "! SHOWN, on record; x masks" if self.revealed else "secrets masked, x decodes"
        return [TITLES[self._part], shown]

    async def read_revealed(self, actor: Actor) -> ReleaseDetail:
        """Read the revision with its values."""
        return await (await self._connection.ops.reading()).release(self._release, actor)


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
    yield from (f"  {_named(found)}" for found in detail.objects)
    if not detail.objects:
        yield "  none"
    if detail.hooks:
        yield ""
        yield "Hooks"
        yield from (f"  {_named(one.object)}: {_of_hook(one)}" for one in detail.hooks)


def _named(found: JsonObject) -> str:
    name = (found.get("metadata") or {}).get("name", "")
    return f"{found.get('kind', '')}/{name}"


def _of_hook(one: Hook) -> str:
    when = ", ".join(one.events) + (f" (weight {one.weight})" if one.weight else "")
    if not one.phase or one.phase == "Unknown":
        return f"{when}; has not run"
    at = f", {one.ended:%Y-%m-%d %H:%M:%S} UTC" if one.ended is not None else ""
    return printable(f"{when}; {one.phase.lower()} last{at}")
