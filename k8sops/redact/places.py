"""Places where a secret stands without a name of its own: keys in PEM, URLs, headers, flags of well-known commands."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from k8sops.redact.finding import NOTHING, Hit, Looked, Place, meant, one
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.lines_after import KeyBody
from k8sops.redact.values import plain, value_at

_CREDENTIALS: Final = re.compile(rb"(?=[^\s]{0,200}?(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/._~=-]{8,16384}")
_PEM_BODY: Final = re.compile(rb"(?:[A-Za-z0-9+/=:,. \t]|-(?!---)|\\{1,8}[nrt])*")
_PEM_LEAD: Final = re.compile(rb"(?:\\{1,8}[nrt]|\s)*")
_PEM_BLANK: Final = re.compile(rb"\\{1,8}[nrt]|\s")
_PEM_TAIL: Final = re.compile(rb"(?:\\{1,8}[nrt]|\s)\Z")
_PEM_REACH: Final = 1 << 16
_MORE_USERINFO: Final = re.compile(rb"[^\s/?#\"'<>\\,@]{0,200}@")
_HASH: Final = re.compile(rb"\$[0-9a-z]{1,8}\$[./A-Za-z0-9$=,]{12,200}")


BLANKS: Final = b" \t\n\r\f\v"
_LOW: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"


class Sign(NamedTuple):
    """What the scan looks for, in a syntax that RE2 and `re` share, and what looks at it.

    `begins` and `ends` are the bytes it may begin and end with, where that is known; with `sure` no more need be asked
    of a place to look.
    """

    pattern: str
    look: Callable[[Place], Looked]
    ends: bytes = b""
    begins: bytes = b""
    sure: bool = False


def _pem(place: Place) -> Looked:
    """A key's body, on this line with escaped line ends, or on the lines below."""
    data, end = place.data, place.end
    if not data[end : min(place.line.end, end + 8)].strip(b" \t\r\n\"',|+\\"):
        return Looked(following=KeyBody())
    found = _PEM_BODY.match(data, end, min(place.line.end, end + _PEM_REACH))
    body = found[0] if found else b""
    secret = _PEM_BLANK.sub(b"", body)
    if len(secret) < 16:
        return NOTHING
    lead, stop = _PEM_LEAD.match(body), len(body)
    while blank := _PEM_TAIL.search(body, max(0, stop - 9), stop):
        stop = blank.start()
    return Looked((Hit("private-key", end + (lead.end() if lead else 0), end + stop, secret),))


def _putty(place: Place) -> Looked:
    return Looked(following=KeyBody())


def _url(place: Place) -> Looked:
    """The password before a URL's host; up to the last `@` before the path, since passwords hold that sign, too."""
    data, stop = place.data, place.end - 1
    colon = data.find(b":", place.at + 3, place.end)
    if colon < 0:
        return one("url-token", place, place.at + 3, stop) if _is_token(place) else NOTHING
    while further := _MORE_USERINFO.match(data, stop + 1, place.line.end):
        stop = further.end() - 1
    secret = plain(data[colon + 1 : stop], url=True)
    if is_no_secret("password", secret, quoted=True, prose=False):
        return NOTHING
    return Looked((Hit("url-password", colon + 1, stop, secret),))


def _dsn(place: Place) -> Looked:
    """`user:password@tcp(host)`, as Go's MySQL driver has it."""
    before = place.data[max(place.floor, place.at - 256) : place.at + 1]
    start = max(before.rfind(sign) for sign in (b" ", b'"', b"'", b"\t", b"\n", b"=")) + 1
    colon = before.find(b":", start)
    if colon < 0 or is_no_secret("password", before[colon + 1 :], quoted=True, prose=False):
        return NOTHING
    return one("dsn-password", place, place.at + 1 - len(before) + colon + 1, place.at + 1)


def _credentials(place: Place) -> Looked:
    """What follows Bearer or Basic, where it is made like credentials and not like a word."""
    start = place.end - 8
    found = _CREDENTIALS.match(place.data, start, place.line.end)
    if found is None:
        return NOTHING
    kind = "bearer-token" if place.head[1:2] in {b"e", b"E"} else "basic-auth"
    return one(kind, place, start, found.end())


def _hash(place: Place) -> Looked:
    """A line of a password file: `user:$2y$…`."""
    found = _HASH.match(place.data, place.data.find(b":$", place.at) + 1, place.line.end)
    return one("password-hash", place, found.start(), found.end()) if found else NOTHING


def _value_of_flag(place: Place, start: int) -> Looked:
    value = value_at(place.data, start, place.line.end)
    secret = meant(place, value)
    if secret.startswith(b"-") or is_no_secret("password", secret, quoted=bool(value.quote), prose=True):
        return NOTHING
    return Looked((Hit("password", value.start, value.end, secret),))


def _after_word(place: Place) -> Looked:
    """`IDENTIFIED BY 'secret'`, `PASSWORD 'secret'`, from the quote on."""
    start = place.end - 1
    while place.data[start - 1] == 0x5C:
        start -= 1
    return _value_of_flag(place, start)


def _user_flag(place: Place) -> Looked:
    """`curl -u user:password`."""
    start = place.end - 1
    quote = next((sign for sign in (b'"', b"'") if sign in place.head[:-1]), b"")
    end = place.data.find(quote, start, min(place.line.end, start + 1024)) if quote else -1
    if end < 0:
        end = value_at(place.data, start, place.line.end).end
    if is_no_secret("password", place.data[start:end], quoted=True, prose=True):
        return NOTHING
    return one("basic-auth", place, start, end)


def _bootstrap_token(place: Place) -> Looked:
    """kubeadm's `abcdef.0123456789abcdef`, where a word near it says so."""
    near = place.data[max(place.line.start, place.at - 40) : place.at].lower()
    return (
        one("bootstrap-token", place, place.at, place.end) if b"token" in near or b"join" in near else NOTHING
    )


def is_docker_auth(secret: bytes) -> bool:
    """Whether it is `user:password` in base64, as registries' configurations hold it, or a token."""
    try:
        return b":" in binascii.a2b_base64(secret, strict_mode=True)
    except binascii.Error:
        return len(secret) >= 16 and _has_digit(secret) and b" " not in secret


def _is_token(place: Place) -> bool:
    """Whether what stands alone before a URL's host is made like a token: a user of ssh has a name."""
    user = place.head[3:-1]
    web = place.data[max(0, place.at - 5) : place.at].endswith((b"http", b"https"))
    return _has_digit(user) and (len(user) >= 20 or (web and not (user.islower() or user.isupper())))


def _has_digit(text: bytes) -> bool:
    return any(byte in b"0123456789" for byte in text)


PLACES: Final = (
    Sign(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)? ?-{4,5}", _pem, b"-", b"-"),
    Sign(r"\bPrivate-Lines: ", _putty, b" ", b"P"),
    Sign(r"://[^\s/?#\"'<>@:\\]{0,128}:[^\s/?#\"'<>@]{0,256}@", _url, b"@", b":"),
    # With a slash in the password, it cannot be told from a path where a port's digits stand.
    Sign(r"://[^\s/?#\"'<>@:\\]{1,128}:[^\s/?#\"'<>@0-9][^\s\"'<>@]{0,256}@", _url, b"@", b":"),
    Sign(r"://[A-Za-z0-9_-]{10,128}@", _url, b"@", b":"),
    Sign(r"[^\s/@:]@(?:tcp|unix|udp)\(", _dsn, b"("),
    Sign(r"(?i:\bbearer|\bbasic)[ \t]+[A-Za-z0-9+/._~=-]{8}", _credentials, begins=b"bB"),
    Sign(
        r"(?i:\bidentified by|\bidentified with [^\s]{1,64} (?:by|as)|\bpassword"
        r"|\bset password for [^\s=]{1,128}[ \t]*=)[ \t]+\\{0,3}'",
        _after_word,
        b"'",
        b"iIpPsS",
    ),
    Sign(
        r"(?:^|[\s\"',])(?:-u|--user|--proxy-user|-U)[ \t=]*[\"']?[A-Za-z0-9_.@-]{1,64}:[^\s/]",
        _user_flag,
        begins=BLANKS + b"\"',-",
    ),
    Sign(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b", _bootstrap_token, _LOW, _LOW),
    Sign(r"(?:^|[\s\"'])[A-Za-z0-9._-]{1,32}:\$[0-9a-z]{1,8}\$", _hash, b"$"),
)  # fmt: skip
