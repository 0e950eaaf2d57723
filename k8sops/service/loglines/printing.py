"""Log lines as text to write: one string for each batch, and beside it what is told elsewhere.

The work of each line is a few string operations: what does not change from line to line is worked out once for a stream
or a second. Nothing a container wrote reaches a terminal as it is, unless that was asked for by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, Final, Literal

import msgspec

from k8sops.core.log_levels import NAMES, Level
from k8sops.core.logs import LogEntry, LogStream
from k8sops.core.text import counted
from k8sops.service.loglines.colours import highlighted, level_colour, painted, pod_colour
from k8sops.service.loglines.filtering import Leveled
from k8sops.service.loglines.json_line import fields_of, laid_out
from k8sops.service.loglines.patterns import AnyOf
from k8sops.service.loglines.safe import clean, plain_document
from k8sops.service.loglines.template import LineTemplate
from k8sops.service.loglines.times import Stamp, Times

Output = Literal["default", "raw", "json", "extjson", "template"]
MOST_STREAMS: Final = 5_000
_OWN: Final = re.compile(r"(\x1b\[[0-9;]*m)")

_LOSS: Final = "1;33"


class LineStyle(msgspec.Struct, frozen=True, kw_only=True):
    """How lines are written."""

    output: Output = "default"
    colour: bool = False
    readable: bool = False
    """JSON lines are laid out for people."""
    stamp: Stamp | None = None
    zone: tzinfo | None = None
    namespaces: bool = False
    escapes: bool = False
    """Raw lines are passed on as they are: whoever reads them is no terminal, or wants it so."""
    highlight: tuple[str, ...] = ()
    template: str = ""


class Printed(msgspec.Struct, frozen=True):
    """One batch: what is data, and sentences of ours that may not stand among it."""

    text: str
    aside: tuple[str, ...] = ()


class LinePrinter:
    """Writes in one style. Raises UsageError where a pattern or the template cannot be used."""

    def __init__(self, style: LineStyle) -> None:
        self._style: Final = style
        self._times: Final = Times(style.stamp, style.zone) if style.stamp else None
        self._clock: Final = Times("clock", style.zone)
        self._utc: Final = Times("default", style.zone)
        self._highlight: Final = AnyOf(style.highlight, "--highlight") if style.highlight else None
        self._template: Final = (
            LineTemplate(style.template, colour=style.colour, zone=style.zone)
            if style.output == "template"
            else None
        )
        self._prefixes: Final[dict[LogStream, str]] = {}
        self._of_line: Final = {
            "default": self._default,
            "raw": self._raw,
            "json": self._document,
            "extjson": self._document,
            "template": self._by_template,
        }[style.output]
        self.unfit = 0
        """Lines that did not fit the template."""
        self.cut = 0
        """Lines that were longer than is read."""

    def printed(self, lines: Iterable[Leveled]) -> Printed:
        """The batch as text, each line ended."""
        out: list[str] = []
        aside: list[str] = []
        in_place = self._style.output == "default"
        of_line = self._of_line
        for entry, level, note in lines:
            if entry.marker:
                (out if in_place else aside).append(self._marker(entry))
                continue
            if entry.cut:
                self.cut += 1
            try:
                text = of_line(entry, level)
                out.append(f"{text} {painted(note, self._dim)}" if note else text)
            except LookupError as error:
                if not self.unfit:
                    aside.append(f"a line does not fit the template and is shown as it is: {error}")
                self.unfit += 1
                out.append(self._default(entry, level))
        if out:
            out.append("")
        return Printed("\n".join(out), tuple(aside))

    def remarks(self) -> list[str]:
        """What is to be said at the end, where lines are not as they were."""
        said = []
        if self.unfit:
            said.append(f"{counted(self.unfit, 'line')} did not fit the template")
        if self.cut:
            said.append(f"{counted(self.cut, 'line')} cut: longer than is read of one line")
        return said

    def _default(self, entry: LogEntry, level: Level) -> str:
        style = self._style
        head = self._head(entry)
        if style.readable and (fields := fields_of(entry.text)) is not None:
            at = "" if style.stamp else painted(self._clock.of(entry.at), self._dim) + " "
            text = at + laid_out(fields, level, self._painted, level_colour(level))
        else:
            text = clean(entry.text)
            if style.colour and level and (code := level_colour(level)):
                text = painted(text, code)
        if self._highlight is not None and style.colour:
            text = self._highlighted(text, self._highlight)
        return f"{head}{text} … {entry.cut:,} bytes more" if entry.cut else head + text

    def _raw(self, entry: LogEntry, level: Level) -> str:
        del level
        text = entry.text if self._style.escapes else clean(entry.text)
        return f"{self._times.of(entry.at)} {text}" if self._times else text

    def _document(self, entry: LogEntry, level: Level) -> str:
        stream = entry.stream
        document: dict[str, Any] = {
            "time": self._utc.of(entry.at) if entry.at else None,
            "namespace": stream.namespace,
            "pod": stream.pod,
            "container": stream.container,
            "level": NAMES[level - 1] if level else None,
            "message": entry.text,
        }
        if self._style.output == "extjson" and (fields := fields_of(entry.text)) is not None:
            document["message"] = fields
        if entry.cut:
            document["cut"] = entry.cut
        return plain_document(msgspec.json.encode(document).decode())

    def _by_template(self, entry: LogEntry, level: Level) -> str:
        assert self._template is not None  # noqa: S101 - made where the output is a template
        return self._template.shown(entry, level).removesuffix("\n")

    def _marker(self, entry: LogEntry) -> str:
        if self._style.output == "default":
            colour = _LOSS if entry.gap and self._style.colour else self._dim
            return self._head(entry) + painted(f"── {clean(entry.text)} ──", colour)
        stream = entry.stream
        return f"{stream.namespace}/{stream.label}: {clean(entry.text)}"

    def _head(self, entry: LogEntry) -> str:
        prefix = self._prefixes.get(entry.stream)
        if prefix is None:
            if len(self._prefixes) > MOST_STREAMS:
                self._prefixes.clear()
            prefix = self._prefixes[entry.stream] = self._prefix(entry.stream)
        return f"{prefix}{self._times.of(entry.at)} " if self._times else prefix

    def _prefix(self, stream: LogStream) -> str:
        named = (stream.namespace if self._style.namespaces else "", stream.pod, stream.container)
        said = " ".join(clean(part) for part in named if part)
        return (painted(said, pod_colour(stream.pod)) if self._style.colour else said) + " "

    def _highlighted(self, text: str, highlight: AnyOf) -> str:
        # Between our own colours only: a pattern that matched inside of one would break it.
        parts = _OWN.split(text)
        for number in range(0, len(parts), 2):
            parts[number] = _marked(parts[number], highlight)
        return "".join(parts)

    @property
    def _dim(self) -> str:
        return "2" if self._style.colour else ""

    def _painted(self, text: str, code: str) -> str:
        return painted(text, code) if self._style.colour else text


def _marked(text: str, highlight: AnyOf) -> str:
    done = 0
    out: list[str] = []
    for start, end in highlight.spans(text):
        out += (text[done:start], highlighted(text[start:end]))
        done = end
    return "".join((*out, text[done:])) if out else text
