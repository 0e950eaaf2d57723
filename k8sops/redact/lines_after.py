"""Secrets that go on over the next lines: keys in PEM, YAML's block texts, a value that stands below its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from k8sops.redact.finding import Hit
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.values import plain, value_at

_END: Final = re.compile(rb"-----END |Private-MAC:|Private-Hash:")
_ARMOUR: Final = re.compile(rb"(?:Proc-Type|DEK-Info|Comment|Version|Hash):|Key-Derivation:|Argon2-")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=]+\Z")
_VALUE: Final = re.compile(rb"[ \t]*[\"']?(?i:value)[\"']?[ \t]*:[ \t]*")
_FLAG: Final = rb"--?[A-Za-z0-9-]+"
# How a list has a flag alone on a line, up to its end, and what stands before the next item on the next.
_LISTS: Final = (
    (re.compile(rb"[ \t]*- +[\"']?" + _FLAG + rb"[\"']?[ \t\r]*\Z"), re.compile(rb"[ \t]*- +")),
    (re.compile(rb"[ \t]*[\"']" + _FLAG + rb"[\"'],[ \t\r]*\Z"), re.compile(rb"[ \t]*(?=[\"'])")),
)
_WORD: Final = re.compile(rb"[ \t]*")
# A line of a key is at least this long, but for its last one.
_FULL: Final = 24


@dataclass(slots=True)
class KeyBody:
    """The lines of a private key, each replaced; what stands before them, a time say, stays."""

    begun: bool = False
    over: bool = False
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """One for a line of the key, none for a header or its end."""
        text = line.rstrip(b" \t\r\n\"',\\")
        if self.over or _END.search(text):
            return None
        if not text.strip() or _ARMOUR.search(text):
            return []
        start = max(text.rfind(blank) for blank in (b" ", b"\t", b'"', b"'", b"|")) + 1
        if text.endswith(rb"\n"):
            text = text[:-2]
        body = text[start:]
        if not _BASE64.match(body) or (len(body) < _FULL and not self.begun):
            return None
        self.over = len(body) < _FULL
        self.begun = True
        return [Hit("private-key", start, len(text), body)]


@dataclass(slots=True)
class BlockText:
    """A YAML block below a secret's name: every line that is indented further."""

    kind: str
    indent: int
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """The line's text, whatever it is."""
        text = line.rstrip(b" \t\r\n")
        if not text:
            return []
        start = len(text) - len(text.lstrip(b" \t"))
        if start <= self.indent:
            return None
        return [Hit(self.kind, start, len(text), text[start:])]


@dataclass(frozen=True, slots=True)
class ValueBelow:
    """The `value:` under a `name: DB_PASSWORD`, or what follows a `--password` as a list's next item."""

    kind: str
    name: str
    lead: re.Pattern[bytes] = _VALUE
    once: bool = True

    def hits(self, line: bytes) -> list[Hit] | None:
        """The value, where the line holds one."""
        text = line.rstrip(b" \t\r\n")
        lead = self.lead.match(text)
        if lead is None or text[lead.end() : lead.end() + 1] in {b"", b"|", b">", b"[", b"{"}:
            return None
        value = value_at(text, lead.end(), len(text), whole_line=self.lead is not _WORD)
        secret = plain(text[value.start : value.end], value.quote)
        if self.lead is not _VALUE and secret.startswith(b"-"):
            return None
        if is_no_secret(self.name, secret, quoted=bool(value.quote), prose=False):
            return []
        wrap = b'"' if not value.quote and b'"' in text[: lead.end()] else b""
        return [Hit(self.kind, value.start, value.end, secret, wrap)]


def below_flag(kind: str, name: str, data: bytes, start: int, end: int) -> ValueBelow | None:
    """What is expected below a line from `start` to `end` that ends with a flag; nothing where it is no list's item.

    In a sentence a flag may end the line as well: "unknown flag: --password".
    """
    if data[end - 1 : end] == b"\\":
        return ValueBelow(kind, name, _WORD)
    leads = (lead for item, lead in _LISTS if item.match(data, start, end))
    return next((ValueBelow(kind, name, lead) for lead in leads), None)
