"""Secrets that a name announces: `password=…`, `"token": "…"`, `--api-key …`, `<secret>…</secret>`, in any dress."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from k8sops.redact.finding import NOTHING, Following, Looked, Place
from k8sops.redact.headers import in_header
from k8sops.redact.judging import NAME, REACH, judged, name_begins
from k8sops.redact.lines_after import BlockText, ValueBelow, below_flag
from k8sops.redact.naming import kind_of, name_words
from k8sops.redact.places import BLANKS, Sign
from k8sops.redact.structured import DeeperBelow, in_list, in_object
from k8sops.redact.values import Value, quote_at, value_at

_KNOWN: Final = 4096
_NAME: Final = re.compile(rb"(?i:[a-z]+ (?=key|phrase|string|by))?[A-Za-z0-9_.-]+")
_FLAG: Final = re.compile(rb"[\s\"',\[]?--?([A-Za-z0-9-]+)")
# What may stand before a name that is the first thing on its line.
_LEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t]*(?:- |[#;] ?|export |ENV |ARG |set |setenv |declare -x |\+ |Environment=)*[\"']?\Z"
)
# What stands before a name that is a part of another: a chart's checksum, an ARN.
_OF_ANOTHER: Final = re.compile(rb"checksum/\Z|secretsmanager:[a-z0-9:-]{0,30}:\Z")
# `PyJWT==2.10.1`, from the second sign on.
_PINNED: Final = re.compile(rb"=[ ]?[0-9]+(?:\.[0-9a-z]+)+(?![^\s\"',;)])")
_BLOCK: Final = re.compile(rb"[ \t]*[|>][+-]?[0-9]?[+-]?[ \t]*(?:#[^\n]*)?\Z")
_INSIDE: Final = MappingProxyType({b"[": in_list, b"{": in_object})
_SCALAR: Final = re.compile(rb"[^\s,\]}]+")


class Named:
    """Judges names, and remembers its judgements: logs have few names and many lines."""

    def __init__(self) -> None:
        self._kinds: Final[dict[bytes, str]] = {}

    def signs(self) -> tuple[Sign, ...]:
        """What to look for. The words are the same in all of them; what stands around them tells."""
        words = f"(?i:{name_words()})"
        return (
            Sign(
                rf"(?:(?:{words}{NAME}{{0,40}}(?: [0-9]{{1,2}})?|(?i:auth))[\"'\\\]]{{0,6}}[ \t]{{0,24}}"
                rf"|{words}{NAME}{{0,40}}[\"'\\]{{0,6}}[ \t]{{0,4}},?[ \t]{{0,4}}[\"'\\]{{0,6}}"
                r"(?i:value)[\"'\\]{0,6}[ \t]{0,4})[:=]",
                self._pair,
                b":=",
                sure=True,
            ),
            Sign(
                rf"(?i:\bname|\bkey)[\"']?[ \t]?:[ \t]{{0,8}}[\"']?{NAME}{{0,40}}{words}{NAME}{{0,40}}"
                r"[\"']?,?[ \t]{0,8}\r?$",
                self._below,
                begins=b"nNkK",
            ),
            Sign(
                rf"(?:^|[\s\"',\[])--?[A-Za-z0-9-]{{0,24}}{words}[A-Za-z0-9-]{{0,24}}"
                r"(?:[ \t]+[^\s-]|\\?[\"'],?[ \t]{0,4}(?:\\?[\"']|\r?$)|[ \t]*\r?$)",
                self._flag,
                begins=BLANKS + b"\"',[-",
            ),
            Sign(rf"<[A-Za-z:]{{0,20}}{words}[A-Za-z]{{0,20}}>[^<\s]", self._tag, begins=b"<"),
        )

    def _kind(self, name: bytes) -> str:
        known = self._kinds.get(name)
        if known is None:
            known = kind_of(name.decode("latin-1"))
            if len(self._kinds) < _KNOWN:
                self._kinds[name] = known
        return known

    def _pair(self, place: Place) -> Looked:
        """`name: value`, `name=value`, `"name": "value"`, `name: NAME, value: value`."""
        data, end = place.data, place.end
        start = name_begins(place)
        run = _NAME.match(data, place.at, end)
        stop = run.end() if run else place.at
        kind = self._kind(data[start:stop])
        after = data[end : end + 2]
        if (
            not kind
            or after[:1] == b":"
            or after == b"//"
            or _PINNED.match(data, end, place.line.end)
            or _OF_ANOTHER.search(data, max(0, start - REACH), start)
        ):
            return NOTHING
        separator = data[end - 1 : end]
        end += after[:1] in {b"=", b">"}
        rest = data[end : min(place.line.end, end + REACH)].strip(b" \t\r\n")
        lead = data[place.line.start : start] if start - place.line.start < REACH else b"x"
        first = bool(_LEAD.match(lead))
        if separator == b":" and first and (following := _following(kind, data[start:stop], lead, rest)):
            return Looked(following=following)
        if kind in {"authorization", "cookie"}:
            return in_header(kind, place, end)
        if inside := _INSIDE.get(rest[:1]):
            return inside(kind, data[start:stop], place, end)
        quote = quote_at(data, stop, end)
        spaced = separator == b":" or data[stop : stop + 1] in {b" ", b"\t"}
        whole = first and not quote and (spaced or b"." in data[start:stop])
        value = value_at(data, end, place.line.end, whole_line=whole, cut=kind != "connection-string")
        if quote and not value.quote:
            scalar = _SCALAR.match(data, value.start, value.end)
            value = Value(value.start, scalar.end() if scalar else value.start)
        # Also `Post "https://…/token": context deadline exceeded`: where JSON is meant, a text stands in quotes.
        prose = separator == b":" and not (first or value.quote)
        # `volume "token" : secret "web" not found`
        prose |= data[value.end : value.end + 2] == b' "' and not value.quote
        wrap = quote if separator == b":" and not value.quote else b""
        return judged(kind, data[start:stop], place, value, prose=prose, wrap=wrap)

    def _below(self, place: Place) -> Looked:
        """`name: DB_PASSWORD` alone on its line: the value stands on the next."""
        name = place.head.split(b":", 1)[1].strip(b" \t\r\n\"',")
        kind = self._kind(name)
        return Looked(following=ValueBelow(kind, name.decode("latin-1"))) if kind else NOTHING

    def _flag(self, place: Place) -> Looked:
        """`--password x`, `"--password", "x"`, and `- --password` with the value as the next item."""
        found = _FLAG.match(place.data, place.at, place.end)
        if found is None or not (kind := self._kind(found[1])):
            return NOTHING
        start, end = found.end(), place.line.end
        at_end = place.data[place.end : place.end + 1] in {b"", b"\r", b"\n"}
        if at_end and place.data[start : place.end].strip() in {b"", b'"', b"'", b'",', b"',", b"\\"}:
            flag = found[1].decode("latin-1")
            return Looked(following=below_flag(kind, flag, place.data, place.line.start, place.end))
        start += len(quote_at(place.data, start, end))
        while start < end and place.data[start] in b", \t":
            start += 1
        return judged(kind, found[1], place, value_at(place.data, start, end), prose=True)

    def _tag(self, place: Place) -> Looked:
        """`<password>x</password>`."""
        start = place.end - 1
        stop = place.data.find(b"<", start, min(place.line.end, start + 4096))
        name = place.head[1:-2]
        kind = self._kind(name)
        if not kind or stop < 0:
            return NOTHING
        return judged(kind, name, place, Value(start, stop), prose=False)


def _following(kind: str, name: bytes, lead: bytes, rest: bytes) -> Following | None:
    """What is expected below a name that is the first thing on its line, by what else stands there."""
    if _BLOCK.match(rest):
        return BlockText(kind, len(lead))
    if rest in {b"", b"{"}:
        return DeeperBelow(kind, name.decode("latin-1"), len(lead.rstrip(b"\"'")))
    return None
