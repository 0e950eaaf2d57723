"""Secrets that go on over the next lines: keys in PEM, YAML's block texts, a value that stands below its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from k8sops.redact.finding import Hit
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.values import plain, value_at

_END: Final = re.compile(rb"-{4,5} ?END |Private-MAC:|Private-Hash:")
_ARMOUR: Final = re.compile(rb"(?:Proc-Type|DEK-Info|Comment|Version|Hash):|Key-Derivation:|Argon2-")
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]+={0,2}|=[A-Za-z0-9+/]{4})\Z")
_DIGITS: Final = re.compile(rb"[0-9]+")
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
_HEADLESS: Final = 60
_IN_A_ROW: Final = 8
_FOREIGN: Final = 64


@dataclass(slots=True)
class KeyBody:
    """The lines of a private key, each replaced; what stands before them, a time say, stays.

    Lines of other writers may stand between them: so many in a row, and in all, until the key is given up. Where it is
    `headless`, the text may have begun within a key: its first line is one that can hardly be anything else.
    """

    headless: bool = False
    begun: bool = False
    over: bool = False
    once: bool = False
    _lead: bytes = b""
    _foreign: int = 0
    _in_a_row: int = 0

    def hits(self, line: bytes) -> list[Hit] | None:
        """One for a line of the key; none for a line of another, which is to be looked at like any."""
        text = line.rstrip(b" \t\r\n\"',\\")
        if _END.search(text):
            self.over = True
            return None
        if text.endswith(rb"\n"):
            text = text[:-2]
        start = max(text.rfind(blank) for blank in (b" ", b"\t", b'"', b"'", b"|")) + 1
        lead, body = text[:start], text[start:]
        if not self._is_of_key(lead, body):
            # A key's own headers and blank lines stand before its body.
            if text and not (_ARMOUR.search(text) and not self.begun):
                self._foreign += 1
                self._in_a_row += 1
            self.over = self._in_a_row > _IN_A_ROW or self._foreign > _FOREIGN
            return None
        self.begun, self._lead, self._in_a_row = True, lead, 0
        return [Hit("private-key", start, len(text), body)]

    def _is_of_key(self, lead: bytes, body: bytes) -> bool:
        if not _BASE64.match(body):
            return False
        if self.begun:
            return len(body) >= _FULL or _DIGITS.sub(b"", lead) == _DIGITS.sub(b"", self._lead)
        return _is_alone(lead, body) if self.headless else len(body) >= _FULL


def _is_alone(lead: bytes, body: bytes) -> bool:
    """Whether a line is nothing but base64, as long as a key's are, and no digest in hexadecimal."""
    return not lead.strip() and len(body) >= _HEADLESS and body != body.lower() and body != body.upper()


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
