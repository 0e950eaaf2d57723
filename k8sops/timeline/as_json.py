"""A timeline as one JSON document, and back: what `-o json` prints and a bundle keeps as `timeline.json`.

Times are RFC 3339, UTC, with as many digits as they have; what is empty or ordinary is left out of a moment.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.logs import SECOND_NS, moment_of, stamp_ns
from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Matter, Moment, Timeline, Unknown

FORMAT: Final = "k8sops/timeline/1"
_MATTERS: Final = frozenset(get_args(Matter))


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    matter: str
    subject: str
    text: str
    bad: bool = False
    count: int = 1
    until: str = ""
    targets: tuple[str, ...] = ()
    run: str = ""


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    since: str
    until: str
    title: str = ""
    moments: tuple[_Told, ...] = ()
    unknown: tuple[Unknown, ...] = ()


_DECODER: Final = msgspec.json.Decoder(_Document)


def timeline_document(timeline: Timeline) -> JsonObject:
    """The document as plain JSON values."""
    return {
        "format": FORMAT,
        "title": timeline.title,
        "since": _stamp(timeline.since_ns),
        "until": _stamp(timeline.until_ns),
        "moments": [_told(one) for one in timeline.moments],
        "unknown": [msgspec.to_builtins(one) for one in timeline.unknown],
    }


def timeline_json(timeline: Timeline) -> bytes:
    """The document as bytes, a line for each moment, so that two of them can be compared."""
    document = timeline_document(timeline)
    rows = b",\n".join(b"    " + msgspec.json.encode(one) for one in document.pop("moments"))
    head = msgspec.json.format(msgspec.json.encode(document), indent=2).removesuffix(b"\n}")
    return head + b',\n  "moments": [' + (b"\n" + rows + b"\n  " if rows else b"") + b"]\n}\n"


def read_timeline(data: bytes) -> Timeline:
    """A timeline from its document. Raises UsageError where it is none, or of a form that is not known."""
    try:
        found = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no timeline: {error}") from error
    if found.format != FORMAT:
        raise UsageError(f"a timeline of the form {found.format!r} is not known", hint=f"{FORMAT} is")
    since, until = stamp_ns(found.since), stamp_ns(found.until)
    return Timeline(
        since_ns=since,
        until_ns=until,
        moments=tuple(_moment(one) for one in found.moments),
        unknown=found.unknown,
        title=found.title,
    )


def _told(one: Moment) -> dict[str, Any]:
    told: dict[str, Any] = {
        "at": _stamp(one.at_ns),
        "matter": one.matter,
        "subject": one.subject,
        "text": one.text,
        "bad": one.bad,
        "count": one.count,
    }
    more = {"until": _stamp(one.until_ns) if one.until_ns else "", "targets": one.targets, "run": one.run}
    return told | {name: value for name, value in more.items() if value}


def _moment(told: _Told) -> Moment:
    at = stamp_ns(told.at)
    if not at or told.matter not in _MATTERS:
        raise UsageError(f"this is no timeline: {told.matter!r} at {told.at!r} is no moment")
    return Moment(
        at_ns=at,
        matter=told.matter,  # type: ignore[arg-type]  # looked up in the very literals
        subject=told.subject,
        text=told.text,
        bad=told.bad,
        count=told.count,
        until_ns=stamp_ns(told.until),
        targets=told.targets,
        run=told.run,
    )


def _stamp(at_ns: int) -> str:
    head = moment_of(at_ns - at_ns % SECOND_NS).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = at_ns % SECOND_NS
    if fraction % 1_000_000 == 0:
        return f"{head}.{fraction // 1_000_000:03d}Z"
    return f"{head}.{fraction:09d}Z"
