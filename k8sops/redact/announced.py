"""Secrets that more than a name announces: settings of servers, a `.netrc`, forms, what programs say at first start.

Behind a word and a blank, or alone on one of the next lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.judging import NAME, is_made_up, judged
from k8sops.redact.naming import kind_of, name_words
from k8sops.redact.places import Sign
from k8sops.redact.values import value_at

_NETRC: Final = re.compile(rb"[ \t]*(login|account|password)[ \t]+([^\s]{1,256})[ \t]*\r?\n?\Z")
_FIELD: Final = re.compile(rb"name=\\{0,3}\"([A-Za-z0-9_.-]+)")
_MOST_BLANK: Final = 2


@dataclass(frozen=True, slots=True)
class NetrcBelow:
    """The lines below a `machine`: its login, its account, its password."""

    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """The password."""
        found = _NETRC.match(line)
        if found is None:
            return None
        return [Hit("password", *found.span(2), found[2])] if found[1] == b"password" else []


@dataclass(slots=True)
class PasswordBelow:
    """A generated password alone on its line, perhaps below blank ones."""

    blank: int = 0
    over: bool = False
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """The line's only word, where it is made like a password."""
        word = line.strip()
        if not word:
            self.blank += 1
            return [] if self.blank <= _MOST_BLANK else None
        if self.over or not is_made_up(word):
            return None
        self.over = True
        start = line.find(word)
        return [Hit("password", start, start + len(word), word)]


@dataclass(slots=True)
class FormBelow:
    """The rest of a part of a form: its headers, a blank line, its value."""

    kind: str
    name: str
    begun: bool = False
    over: bool = False
    once: bool = False

    def hits(self, line: bytes) -> list[Hit] | None:
        """The value, of which the first line is taken."""
        text = line.strip()
        if self.over:
            return None
        if not self.begun:
            self.begun = not text
            return [] if not text or text.startswith(b"Content-") else None
        self.over = True
        if is_no_secret(self.name, text, quoted=True, prose=False):
            return None
        start = line.find(text)
        return [Hit(self.kind, start, start + len(text), text)]


def _form(place: Place) -> Looked:
    """`form-data; name="password"`, whose value stands below or behind escaped line ends."""
    found = _FIELD.search(place.head)
    name = found[1] if found else b""
    kind = kind_of(name.decode("latin-1"))
    if not kind:
        return NOTHING
    if place.data[place.end : place.end + 1] in {b"", b"\r", b"\n"}:
        return Looked(following=FormBelow(kind, name.decode("latin-1")))
    value = value_at(place.data, place.end - 1, place.line.end, whole_line=True, cut=False)
    return judged(kind, name, place, value, prose=False)


def _setting(place: Place) -> Looked:
    """`requirepass secret`, up to the line's end or the next blank."""
    return judged("password", b"", place, value_at(place.data, place.end - 1, place.line.end), prose=True)


def _machine(place: Place) -> Looked:
    return Looked(following=NetrcBelow())


def _sentence(place: Place) -> Looked:
    """`A temporary password is generated for root@localhost: secret`: only what is the sentence's last word."""
    if place.data[place.end : place.end + 1] in {b"", b"\r", b"\n"}:
        return Looked(following=PasswordBelow())
    value = value_at(place.data, place.end - 1, place.line.end)
    last = place.data[value.end : value.end + 1] in {b"", b"\r", b"\n", b'"', b"'", b"\\"}
    if not last or not is_made_up(place.data[value.start : value.end]):
        return NOTHING
    return judged("password", b"", place, value, prose=True)


_BEGIN: Final = r"(?:\b|\\[nrt])"
_WORDS: Final = f"(?i:{name_words()})"
_GAP: Final = r"(?:[ \t]|\\[nrt]){1,16}"
ANNOUNCED: Final = (
    Sign(rf"{_BEGIN}(?i:requirepass|masterauth|bindpw|rootpw)[ \t]+(?:\\{{0,3}}[\"'])?[^\s\"'=:\\]", _setting),
    Sign(rf"{_BEGIN}auth-pass[ \t]+[^\s\"'\\]{{1,64}}[ \t]+[^\s\"'\\]", _setting),
    Sign(
        rf"{_BEGIN}login{_GAP}[^\s\"'\\]{{1,128}}{_GAP}(?:account{_GAP}[^\s\"'\\]{{1,64}}{_GAP})?"
        rf"password{_GAP}[^\s\"'\\=:]",
        _setting,
    ),
    Sign(
        r"^[ \t]{0,32}machine[ \t]+[^\s]{1,128}(?:[ \t]+login[ \t]+[^\s]{1,128})?[ \t]{0,8}\r?$",
        _machine,
        begins=b" \tm",
    ),
    Sign(
        r"(?i:\bpassword)[ \t][^\r\n:=\"{}<>]{1,120}:(?:[ \t]+[^\s\"'{\[]|[ \t]{0,8}\r?$)",
        _sentence,
        begins=b"pP",
    ),
    Sign(
        rf"form-data;[ \t]?name=\\{{0,3}}\"{NAME}{{0,40}}{_WORDS}{NAME}{{0,40}}\\{{0,3}}\""
        r"(?:[ \t]{0,4}\r?$|(?:\\{1,4}[rn]){2,4}[^\\\r\n\"])",
        _form,
        begins=b"f",
    ),
    Sign(r"\bPASSWORD [a-z_]{1,32} = [^\s\"'{\[]", _sentence, begins=b"P"),
)  # fmt: skip
