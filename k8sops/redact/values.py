"""Where a value begins and ends: in quotes, in quotes that are themselves escaped, bare, or to its line's end. Pure.

Takes too much rather than too little: a bare value ends at a blank, at a quote or where the next `name=` begins. What
is left around it stays valid JSON.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

_GLANCE: Final = 256
_BACKSLASH: Final = 0x5C
_QUOTES: Final = b"\"'`"
# `(string) (len=7) "…"` as Go prints it, `!!str "…"` and `&anchor` as YAML does, `b'…'` as Python does.
_BEFORE: Final = re.compile(
    rb"[ \t]*(?:(?:\([A-Za-z0-9_.*=\[\] ]{1,40}\)|![!A-Za-z:/.,0-9-]{1,40}|&[\w-]{1,40})[ \t]+)*"
)
_PREFIX: Final = re.compile(rb"[bBrRuUfLN@$]{1,2}(?=[\"'])")
# An escape that ends a line or a string ends the value; any other belongs to it.
_BARE: Final = re.compile(
    rb"(?:[^\s\"'\\]|\\\\(?!\\*[\"'])|\\(?![nrt\"'\\]|u00(?:2[267]|3[cCeE]))|(?<=[^\s\"'\\=:,;&(\[{])'(?=[^\s\"',;)}\]]))+"
)
_LINE: Final = re.compile(rb"(?:[^\r\n\"\\]|\\\\(?!\\*[\"'])|\\(?![nr\"'\\]))+")
_NEXT: Final = re.compile(
    rb"[,;&](?=\s|\Z|[\"']?[A-Za-z_][\w.-]{0,40}[\"']?[=:])|</|\\u0026|[ \t]+#.*\Z|[ \t]+(?:[A-Za-z_][\w.-]{0,40}=)"
)
_CLOSERS: Final = {b")": b"(", b"]": b"[", b"}": b"{", b">": b"<"}


class Value(NamedTuple):
    """Where a value lies, without its quotes, and the quote around it with its backslashes, if it has any."""

    start: int
    end: int
    quote: bytes = b""


def value_at(data: bytes, at: int, end: int, *, whole_line: bool = False, cut: bool = True) -> Value:
    """The value that begins at `at` or after blanks there, on a line that ends at `end`; empty where there is none."""
    before = _BEFORE.match(data, at, end)
    start = before.end() if before else at
    prefix = _PREFIX.match(data, start, end)
    quote = quote_at(data, prefix.end() if prefix else start, end)
    if quote:
        start = (prefix.end() if prefix else start) + len(quote)
        return Value(start, closing(data, start, end, quote), quote)
    if whole_line:
        return Value(start, start + len(_trimmed(_run(_LINE, data, start, end), cut)))
    # What is not taken is read again by whoever asks for the next value: it must not be much.
    value = _run(_BARE, data, start, min(end, start + _GLANCE))
    if len(value) == _GLANCE and len(_trimmed(value, cut)) == _GLANCE:
        value = _run(_BARE, data, start, end)
    return Value(start, start + len(_trimmed(value, cut)))


def quote_at(data: bytes, at: int, end: int) -> bytes:
    """The quote at a place with the backslashes before it; empty where there is none."""
    slashes = at
    while slashes < end and slashes - at < 16 and data[slashes] == _BACKSLASH:
        slashes += 1
    if slashes < end and data[slashes] in _QUOTES:
        return data[at : slashes + 1]
    return b""


def plain(raw: bytes, quote: bytes = b"", *, url: bool = False) -> bytes:
    """A value as it is meant, so that one secret is one secret however it was written."""
    if url:
        return unquote_to_bytes(raw)
    depth = len(quote).bit_length() if quote.endswith(b'"') else 0
    for _ in range(depth):
        if b"\\" not in raw:
            break
        try:
            text = msgspec.json.decode(b'"' + raw + b'"')
        except (msgspec.DecodeError, UnicodeDecodeError):
            break
        raw = text.encode("utf-8", "surrogatepass")
    return raw


def _run(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> bytes:
    found = pattern.match(data, start, end)
    return found[0] if found else b""


def closing(data: bytes, start: int, end: int, quote: bytes) -> int:
    """Where a quoted value ends: at its quote, at one that stands further out, or with the line."""
    depth = len(quote) - 1
    mark = quote[-1:]
    at = start
    while True:
        at = data.find(mark, at, end)
        if at < 0:
            return start + len(data[start:end].rstrip(b"\r\n"))
        slashes = at
        while slashes > start and data[slashes - 1] == _BACKSLASH:
            slashes -= 1
        count = at - slashes
        if mark != b'"' and depth == 0:
            # YAML and SQL write a single quote twice; a backslash does not escape it there, and in code it does.
            if data[at + 1 : at + 2] == mark and mark == b"'":
                at += 2
                continue
            if count % 2 == 0:
                return at
        elif _closes(count, depth):
            return at - depth if count >= depth else slashes
        at += 1


def _closes(count: int, depth: int) -> bool:
    """Whether a quote with so many backslashes before it ends a string whose own quotes have `depth` of them."""
    if count < depth:
        return True
    while depth > 0:
        if count % 2 == 0:
            return True
        count, depth = count // 2, depth // 2
    return count % 2 == 0


def _trimmed(value: bytes, cut: bool) -> bytes:
    following = _NEXT.search(value) if cut else None
    if following:
        value = value[: following.start()]
    value = value.rstrip(b" \t,;")
    while value and (opener := _CLOSERS.get(value[-1:])) and value.count(opener) < value.count(value[-1:]):
        value = value[:-1].rstrip(b" \t,;")
    return value
