"""Secrets in a structure under a secret's name: the texts of a list, an object's `value`, the line below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.judging import NAME, is_made_up, judged
from k8sops.redact.naming import kind_of, name_words
from k8sops.redact.places import Sign
from k8sops.redact.values import Value, plain, quote_at, value_at

_LONGEST: Final = 4096
_MOST: Final = 32
# What an object holds its secret under; whatever else is in it only speaks of it.
_VALUES: Final = frozenset(b"value plain plaintext cleartext raw key data current new old default".split())
_REFERS: Final = frozenset(b"name secretname namespace path file mountpath valuefrom ref items".split())
_BARE_KEY: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
_BARE_ITEM: Final = re.compile(rb"[^\s,\[\]{}\"'\\]+(?=[ \t]*[,\]])")
_SCALAR: Final = re.compile(rb"[^\s,\[\]{}\"'\\]+")
_BELOW: Final = re.compile(rb"([ \t]+)(?:[\"']?([A-Za-z_][A-Za-z0-9_.-]{0,60})[\"']?[ \t]*:[ \t]+)?")
_VALUE: Final = re.compile(rb"value\\{0,3}[\"']?[ \t]?[:=]", re.IGNORECASE)
_REACH: Final = 2048


@dataclass(frozen=True, slots=True)
class DeeperBelow:
    """The line below a name that ends its own: the value, folded onto it, or an object's `value: …`."""

    kind: str
    name: str
    indent: int
    once: bool = True

    def hits(self, line: bytes) -> list[Hit] | None:
        """The value, where the line is further in and holds nothing else."""
        text = line.rstrip(b" \t\r\n,")
        lead = _BELOW.match(text)
        if lead is None or len(lead[1]) <= self.indent:
            return None
        key = lead[2]
        value = value_at(text, lead.end(), len(text), whole_line=True)
        secret = plain(text[value.start : value.end], value.quote)
        rest = text[value.end + len(value.quote) :]
        if not secret or (rest and not rest.lstrip().startswith(b"#")) or (key and not _holds(key, secret)):
            return None
        if not value.quote and (b" " in secret or secret.endswith(b":") or secret[:1] in b"-{[|>&*!#"):
            return None
        if is_no_secret(self.name, secret, quoted=bool(value.quote), prose=not value.quote and key is None):
            return None
        wrap = b'"' if not value.quote and b'"' in lead[0] else b""
        return [Hit(self.kind, value.start, value.end, secret, wrap)]


def in_list(kind: str, name: bytes, place: Place, at: int) -> Looked:
    """The texts of a list under a secret's name; bare ones, as YAML has them, where they are made like secrets."""
    data, end = place.data, place.line.end
    hits: list[Hit] = []
    at = data.index(b"[", at) + 1
    while True:
        while at < end and data[at] in b" \t,":
            at += 1
        quote = quote_at(data, at, end)
        if quote:
            value = value_at(data, at, end)
        else:
            bare = _BARE_ITEM.match(data, at, min(end, at + _LONGEST))
            if bare is None or not is_made_up(bare[0]):
                return Looked(tuple(hits))
            value = Value(at, bare.end())
        found = judged(kind, name, place, value, prose=False).hits
        if not found:
            return Looked(tuple(hits))
        hits += found
        at = value.end + len(quote)


def in_object(kind: str, name: bytes, place: Place, at: int) -> Looked:
    """What an object on one line holds as its value, unless it says where the secret is: `{name: db, key: word}`."""
    data, end = place.data, min(place.line.end, at + _LONGEST)
    hits: list[Hit] = []
    at = data.index(b"{", at) + 1
    for _ in range(_MOST):
        key, quote, at = _key(data, at, end)
        if not key:
            break
        if key.lower() in _REFERS:
            return NOTHING
        while at < end and data[at] in b" \t":
            at += 1
        if quote_at(data, at, end):
            value = value_at(data, at, place.line.end)
        elif bare := _SCALAR.match(data, at, end):
            value = Value(at, bare.end())
        else:
            break
        if _holds(key, data[value.start : value.end]):
            wrap = b"" if value.quote else quote
            hits += judged(kind, name, place, value, prose=False, wrap=wrap).hits
        at = value.end + len(value.quote)
    return Looked(tuple(hits))


def _key(data: bytes, at: int, end: int) -> tuple[bytes, bytes, int]:
    """The next key of an object, the quote around it, and where its value begins; an empty one at the object's end."""
    while at < end and data[at] in b" \t,":
        at += 1
    quote = quote_at(data, at, end)
    found = _BARE_KEY.match(data, at + len(quote), end)
    if found is None or not data.startswith(quote, found.end()):
        return b"", b"", at
    at = found.end() + len(quote)
    sign = data[at : at + 2].lstrip(b" ")[:1]
    return (found[0], quote, data.index(sign, at) + 1) if sign in {b":", b"="} else (b"", b"", at)


def _holds(key: bytes, value: bytes) -> bool:
    """Whether an object under a secret's name holds it under this key; a `key` may as well be a name in a Secret."""
    low = key.lower()
    return low in _VALUES and (low != b"key" or is_made_up(value))


def _value_first(place: Place) -> Looked:
    """`{"value":"secret","name":"DB_PASSWORD"}`."""
    data = place.data
    floor = max(place.floor, place.line.start, place.at - _REACH)
    at = data[floor : place.at].lower().rfind(b"value")
    sign = _VALUE.match(data, floor + at, place.at) if at >= 0 else None
    if sign is None:
        return NOTHING
    value = value_at(data, sign.end(), place.at)
    if not value.quote or data[value.end + len(value.quote) : place.at].strip(b" \t,\\\"'"):
        return NOTHING
    name = place.head.split(b":", 1)[1].strip(b" \t,}\\\"'")
    kind = kind_of(name.decode("latin-1"))
    return judged(kind, name, place, value, prose=False) if kind else NOTHING


_WORDS: Final = f"(?i:{name_words()})"
STRUCTURED: Final = (
    Sign(
        rf"(?i:\bname|\bkey)\\{{0,3}}[\"']?[ \t]?:[ \t]?\\{{0,3}}[\"']?{NAME}{{0,40}}{_WORDS}{NAME}{{0,40}}"
        r"\\{0,3}[\"']?[ \t]?[,}]",
        _value_first,
        b",}",
        b"nNkK",
    ),
)
