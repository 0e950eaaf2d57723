"""All that an Authorization or Cookie header holds, but for its scheme: also `Digest username="…", response="…"`."""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.values import plain, quote_at, value_at

_SCHEME: Final = re.compile(
    rb"(?:bearer|basic|digest|token|apikey|api-key|negotiate|ntlm|ssws|key|splunk|bot|aws4-hmac-sha256"
    rb"|oauth|hawk|signature|googlelogin)[ \t]+(?=\S)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(rb"(?:[^\r\n\"'\\]|\\(?![nr\"'\\]))+")
# Not a scheme whose credentials may end with that sign, in quotes around the whole header.
_WITH_PARAMETERS: Final = re.compile(
    rb"(?:token|digest|oauth|hawk|signature|googlelogin)[ \t](?:[^=\r\n]{1,200}=[^=,\r\n]{1,200},){0,16}"
    rb"[ \t]*[A-Za-z_-]{1,40}=\Z",
    re.IGNORECASE,
)
_NEXT: Final = re.compile(
    rb"[ \t]*[,;][ \t]*[A-Za-z_-]{1,40}=(?:[^\s,;\"'\\]{1,400}[ \t]*,[ \t]*[A-Za-z_-]{1,40}=){0,8}"
)


def in_header(kind: str, place: Place, at: int) -> Looked:
    """What follows the colon, from `at` on."""
    data, end = place.data, place.line.end
    while at < end and data[at] in b" \t[":
        at += 1
    value = value_at(data, at, end)
    stop = value.end if value.quote else _end(data, at, end)
    scheme = _SCHEME.match(data, value.start, stop)
    start = scheme.end() if scheme else value.start
    secret = plain(data[start:stop], value.quote)
    if is_no_secret(kind, secret, quoted=False, prose=True) or (not scheme and len(secret) < 8):
        return NOTHING
    return Looked((Hit(kind, start, stop, secret),))


def _end(data: bytes, at: int, end: int) -> int:
    """Where a header ends that is not in quotes: at a quote, but for those around the values of its own parameters."""
    found = _HEADER.match(data, at, end)
    stop = at + len(found[0].rstrip()) if found else at
    more = _WITH_PARAMETERS.match(data, at, stop)
    while more:
        quote = quote_at(data, stop, end)
        value = value_at(data, stop, end)
        if not quote:
            break
        closed = data.startswith(quote, value.end)
        stop = value.end + len(quote) * closed
        more = _NEXT.match(data, stop, end) if closed else None
        stop = more.end() if more else stop
    return stop
