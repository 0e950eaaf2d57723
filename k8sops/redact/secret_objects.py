"""Objects of kind Secret as text: every value under `data` and `stringData` goes, whatever it looks like.

The API server writes `data` before `kind`. On one line both are in sight; over several lines what is below `data` is
kept back until `kind` has been read: little, for a Secret is small and has few fields beside it.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place, Told
from k8sops.redact.places import Sign
from k8sops.redact.values import plain, quote_at, value_at

# More than a Secret can hold, in base64 and with its other fields.
MOST: Final = 4 << 20
_DEEPEST: Final = 64
_FIELDS: Final = re.compile(rb"[\"']?(apiVersion|data|immutable|kind|metadata|stringData|type)[\"']?:")
_KIND: Final = re.compile(rb"[\"']?kind[\"']?:[ \t]*[\"']?Secret[\"']?,?\Z")
_LIST: Final = re.compile(rb"[\"']?kind[\"']?:[ \t]*[\"']?SecretList[\"']?,?\Z")
# The types that the API server knows, and those of others, which have a domain.
_TYPE: Final = re.compile(
    rb"[\"']?type[\"']?:[ \t]*[\"']?(?:Opaque|[a-z0-9.-]{1,100}\.[a-z]{2,20}/[A-Za-z0-9._-]{1,100})[\"']?,?\Z"
)
_CLOSING: Final = re.compile(rb"[}\]],?\Z")
_KEY: Final = re.compile(rb"[\"']?[A-Za-z0-9._-]+[\"']?[ \t]*:[ \t]*")


@dataclass(slots=True)
class PerhapsSecret:
    """Below a `data:`: whether it is a Secret's is not known until the `kind` beside it. Kept back by the stream."""

    indent: int
    encoded: bool
    beside: set[bytes] = field(default_factory=set)
    kept: list[bytes] = field(default_factory=list)
    size: int = 0
    is_secret: bool = False
    once: bool = False

    def keeps(self, line: bytes, written: bytes) -> bool:
        """Whether the line is kept back, as it was written; if not, `is_secret` says what the kept ones are."""
        text = line.strip()
        indent = _indent(line)
        inside = not text or indent > self.indent or (indent == self.indent and _CLOSING.match(text))
        if not inside:
            beside = _FIELDS.match(text) if indent == self.indent else None
            if beside is None or beside[1] in self.beside or beside[1] in {b"kind", b"apiVersion"}:
                if beside and beside[1] == b"kind":
                    self.is_secret = bool(_KIND.match(text))
                return False
            # In a list an item may be without its kind.
            self.is_secret |= bool(_TYPE.match(text))
            self.beside.add(beside[1])
        if self.size + len(written) > MOST:
            return False
        self.kept.append(written)
        self.size += len(written)
        return True

    def hits(self, line: bytes) -> list[Hit] | None:
        """Nothing is said of a line before the kind is known."""
        return None


@dataclass(slots=True)
class SecretData:
    """The values below a Secret's `data:` or `stringData:`."""

    indent: int
    encoded: bool
    child: int = -1
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """A value, or a line of one."""
        text = line.rstrip(b" \t\r\n")
        start = _indent(text)
        if not text:
            return []
        if start <= self.indent:
            return None
        if self.child < 0:
            self.child = start
        key = _KEY.match(text, start) if start == self.child else None
        if key is None:
            return [Hit("secret-data", start, len(text), text[start:])]
        if text[key.end() : key.end() + 1] in {b"", b"|", b">", b"{", b"["}:
            return []
        value = value_at(text, key.end(), len(text), whole_line=True)
        if value.start == value.end or text[value.start : value.end] == b"null":
            return []
        end = value.end if value.quote else len(text)
        return [
            Hit(
                "secret-data",
                value.start,
                end,
                _decoded(plain(text[value.start : end], value.quote), self.encoded),
            )
        ]


@dataclass(frozen=True, slots=True)
class VersionBelow:
    """The line below a `kind:`: where it is the `apiVersion` it is the same object's, and begins no other."""

    once: bool = True

    def hits(self, line: bytes) -> list[Hit] | None:
        """None of its own."""
        beside = _FIELDS.match(line.strip())
        return [] if beside and beside[1] == b"apiVersion" else None


def _data(place: Place) -> Looked:
    """`data:` alone on a line; the key's column is the depth."""
    indent = len(place.head) - len(place.head.lstrip(b" \t-"))
    if indent > _DEEPEST:
        return NOTHING
    name = b"stringData" if b"stringData" in place.head else b"data"
    return Looked(following=PerhapsSecret(indent, name == b"data", {name}))


def _told(place: Place) -> Looked:
    """A `kind:` or an `apiVersion:`, which begins another object or says what this one is."""
    text = place.head.lstrip(b" \t-")
    told = Told(
        len(place.head) - len(text),
        secret=bool(_KIND.match(text.rstrip())),
        secrets=bool(_LIST.match(text.rstrip())),
    )
    return Looked(following=VersionBelow() if told.secret or told.secrets else None, told=told)


def _parted(place: Place) -> Looked:
    return Looked(told=Told(-1))


def _on_one_line(place: Place) -> Looked:
    """`"data":{"key":"value"}` on a line that holds a Secret."""
    if not place.line.of_secret:
        return NOTHING
    data, at, end = place.data, place.end, place.line.end
    encoded = b"stringData" not in place.head
    hits: list[Hit] = []
    while True:
        for after_key in (True, False):
            while at < end and data[at] in b" \t,:":
                at += 1
            quote = quote_at(data, at, end)
            if not quote:
                return Looked(tuple(hits))
            value = value_at(data, at, end)
            at = value.end + len(quote)
            if not after_key and value.end > value.start:
                secret = _decoded(plain(data[value.start : value.end], quote), encoded)
                hits.append(Hit("secret-data", value.start, value.end, secret))


def _decoded(secret: bytes, encoded: bool) -> bytes:
    """As it is meant, so that it is the same token as where it is used."""
    try:
        return binascii.a2b_base64(secret, strict_mode=True) if encoded else secret
    except binascii.Error:
        return secret


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))


OBJECTS: Final = (
    Sign(
        r"^[ \t]{0,64}(?:- )?[\"']?(?:data|stringData)[\"']?:[ \t]*\{?[ \t]*\r?$", _data, begins=b" \t-\"'ds"
    ),
    Sign(
        r"^[ \t]{0,64}(?:- )?[\"']?(?:kind|apiVersion)[\"']?:[ \t][^\r\n]{1,80}\r?$",
        _told,
        begins=b" \t-\"'ka",
    ),
    Sign(r"^---", _parted, b"-", b"-"),
    Sign(r"\\{0,7}\"(?:data|stringData)\\{0,7}\":[ \t]?\{", _on_one_line, b"{", b'\\"'),
)
