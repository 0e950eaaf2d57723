"""Secrets that a known command takes under a flag of one letter: `mysql -psecret`, `["redis-cli", "-a", "secret"]`.

The arguments stand behind the command on its line, or below it as items of a YAML or JSON list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.naming import kind_of
from k8sops.redact.places import Sign
from k8sops.redact.values import Value, closing, plain, quote_at, value_at

_REACH: Final = 240
_LONGEST: Final = 4096
_OPTION: Final = re.compile(rb"[ \t,\[](\\{0,3}[\"']?)-([apw])")
_OVER: Final = re.compile(rb"[|;\r\n]")
_BETWEEN: Final = re.compile(rb"[ \t,=]*")
# What may stand before a command that is an item of a list over lines.
_LEAD: Final = re.compile(rb"[ \t]*(?:- +)?[\"']?(?:/[A-Za-z0-9._/-]*/)?\Z")
_ITEM: Final = re.compile(rb"[ \t]*(?:- +[\"']?|[\"'])")
# An argument that can hold no secret: no shape of one is as short or without digits.
_PLAIN: Final = re.compile(rb"-{0,2}[A-Za-z0-9._/-]{1,15}\Z|--?([a-z-]{1,40})(?:=[a-z.-]{0,64})?\Z")
_AFTER: Final = r"(?:[ \t,]|\\{0,3}[\"']|\r?$)"


@dataclass(slots=True)
class ArgumentsBelow:
    """The items of a list below the command that it begins with."""

    flags: bytes
    awaited: bool = False
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """The secret in an item; none in one that is harmless, and the list is over with any other."""
        lead = _ITEM.match(line)
        if lead is None:
            return None
        text = line.rstrip(b" \t\r\n,\"'")
        body = text[lead.end() :]
        if body[:1] == b"-" and body[1:2] and body[1] in self.flags:
            self.awaited = len(body) == 2
            return [] if self.awaited else self._hit(lead.end() + 2, body[2:])
        if self.awaited:
            self.awaited = False
            return self._hit(lead.end(), body)
        harmless = _PLAIN.match(body)
        return [] if harmless and not kind_of(body.decode("latin-1")) else None

    def _hit(self, start: int, secret: bytes) -> list[Hit] | None:
        if is_no_secret("password", secret, quoted=True, prose=True):
            return None
        return [Hit("password", start, start + len(secret), secret)]


def _arguments(flags: bytes, place: Place) -> Looked:
    """The value of the first flag behind the command, up to the next command."""
    data, end = place.data, place.line.end
    if not data[place.end : min(end, place.end + 8)].strip(b" \t\r\n\"',"):
        listed = place.at - place.line.start < _REACH and _LEAD.match(data[place.line.start : place.at])
        return Looked(following=ArgumentsBelow(flags)) if listed else NOTHING
    over = _OVER.search(data, place.end - 1, min(end, place.end + _REACH))
    stop = over.start() if over else min(end, place.end + _REACH)
    for option in _OPTION.finditer(data, place.end - 1, stop):
        if option[2] not in flags:
            continue
        value = _value(data, option.end(), end, option[1])
        secret = plain(data[value.start : value.end], value.quote)
        if not secret.startswith(b"-") and not is_no_secret(
            "password", secret, quoted=bool(value.quote), prose=True
        ):
            return Looked((Hit("password", value.start, value.end, secret),))
    return NOTHING


def _value(data: bytes, at: int, end: int, quote: bytes) -> Value:
    """Right behind its flag, within its quotes or without, or as the next argument."""
    closed = bool(quote) and data.startswith(quote, at)
    if closed or data[at : at + 1] in {b" ", b"\t", b",", b"="}:
        between = _BETWEEN.match(data, at + len(quote) * closed, end)
        return value_at(data, between.end() if between else at, end)
    if quote:
        return Value(at, closing(data, at, min(end, at + _LONGEST), quote), quote)
    glued = quote_at(data, at, end)
    return value_at(data, at, end) if glued or data[at : at + 1].strip() else Value(at, at)


def _taking(flags: bytes) -> Callable[[Place], Looked]:
    return partial(_arguments, flags)


COMMANDS: Final = (
    Sign(
        rf"(?:\bmysql(?:dump|admin)?|\bmariadb(?:-dump|-admin)?|\bsshpass|\bmongo(?:sh|dump|restore)){_AFTER}",
        _taking(b"p"),
        begins=b"ms",
    ),
    Sign(rf"\bredis-cli{_AFTER}", _taking(b"a"), begins=b"r"),
    Sign(rf"\bldap(?:search|modify|add|whoami){_AFTER}", _taking(b"w"), begins=b"l"),
    Sign(
        rf"(?:\bdocker|\bpodman|\bhelm|\bskopeo|\bcrane|\baz|\boc)[^\r\n|;]{{0,60}}\blogin{_AFTER}",
        _taking(b"p"),
        begins=b"acdhops",
    ),
)  # fmt: skip
