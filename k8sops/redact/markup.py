"""Secrets in XML: as an element's text, under a `name` attribute, in a `<value>` beside a `<name>`.

What Java's programs are set up with, and what SOAP sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.judging import NAME, judged, name_begins
from k8sops.redact.naming import kind_of, name_words
from k8sops.redact.places import Sign
from k8sops.redact.values import Value

_LONGEST: Final = 4096
_ELEMENT: Final = re.compile(rb"<([A-Za-z:]+)")
_RUN: Final = re.compile(rb"[A-Za-z0-9_.-]+")
_ATTRIBUTE: Final = re.compile(rb"(?:name|key|id)=\\{0,3}[\"']\Z", re.IGNORECASE)
_VALUE: Final = re.compile(rb"[ \t]*<(?:value|string)[^<>]{0,40}>", re.IGNORECASE)
_INDENT: Final = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class TextBelow:
    """The text on the line below the tag that announces it; in an element of its own with `element`."""

    kind: str
    name: str
    element: bool
    once: bool = True

    def hits(self, line: bytes) -> list[Hit] | None:
        """The text, up to the next tag."""
        lead = (_VALUE if self.element else _INDENT).match(line)
        start = lead.end() if lead else 0
        stop = line.find(b"<", start)
        secret = line[start : stop if stop >= 0 else len(line)].rstrip()
        if not lead or not secret or is_no_secret(self.name, secret, quoted=True, prose=False):
            return None
        return [Hit(self.kind, start, start + len(secret), secret)]


def _element(place: Place) -> Looked:
    """`<Password Type="x">secret</Password>`, and `<password>` with the text below."""
    found = _ELEMENT.match(place.data, place.at, place.end)
    return _text(place, found[1]) if found else NOTHING


def _attribute(place: Place) -> Looked:
    """`<property name="password">secret</property>`."""
    start = name_begins(place)
    if not _ATTRIBUTE.search(place.data, max(place.floor, start - 8), start):
        return NOTHING
    return _text(place, _name(place, start))


def _beside(place: Place) -> Looked:
    """`<name>password</name><value>secret</value>`, the value also below."""
    return _text(place, _name(place, name_begins(place)), element=True)


def _text(place: Place, name: bytes, *, element: bool = False) -> Looked:
    kind = kind_of(name.decode("latin-1"))
    if not kind:
        return NOTHING
    if place.data[place.end : place.end + 1] in {b"", b"\r", b"\n"}:
        return Looked(following=TextBelow(kind, name.decode("latin-1"), element))
    start = place.end - 1
    stop = place.data.find(b"<", start, min(place.line.end, start + _LONGEST))
    return judged(kind, name, place, Value(start, stop), prose=False) if stop > start else NOTHING


def _name(place: Place, start: int) -> bytes:
    found = _RUN.match(place.data, start, place.end)
    return found[0] if found else b""


_WORDS: Final = f"(?i:{name_words()})"
MARKUP: Final = (
    Sign(
        rf"<[A-Za-z:]{{0,20}}{_WORDS}[A-Za-z]{{0,20}}(?:[ \t][^<>\r\n]{{1,200}}>[^<\s]|>[ \t]{{0,8}}\r?$)",
        _element,
        begins=b"<",
    ),
    Sign(
        rf"{_WORDS}{NAME}{{0,40}}\\{{0,3}}[\"'][^<>\r\n:=]{{0,8}}(?:[a-z]{{1,20}}=[^<>\r\n]{{0,60}})?>(?:<value>)?[^<\s]",
        _attribute,
    ),
    Sign(
        rf"{_WORDS}{NAME}{{0,40}}</(?i:name|key)>[ \t]{{0,8}}(?:<(?i:value|string)[^<>\r\n]{{0,40}}>[^<\s]|\r?$)",
        _beside,
    ),
)
