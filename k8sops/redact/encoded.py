"""Secrets with their names in percent-encoding: a form in a log, a URL in another URL's query; also encoded twice."""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.judging import NAME, name_begins
from k8sops.redact.naming import kind_of, name_words
from k8sops.redact.places import Sign
from k8sops.redact.values import plain

_TIMES: Final = 3
_SIGN: Final = re.compile(rb"%((?:25){0,2})3[DdAa]\Z")
_RUN: Final = re.compile(rb"[A-Za-z0-9_.-]+")
# Of an encoded `?token` the question mark's digits are no part of the name.
_DIGITS: Final = re.compile(rb"(?:25)*[0-9A-Fa-f]{2}")
# By how often the sign before the value is encoded: once more than counted.
_BEFORE: Final = tuple(
    re.compile(rf"(?:\+|%(?:25){{{times}}}2[02567Bb])*".encode()) for times in range(_TIMES)
)
_PARTING: Final = "(?:0[AaDd]|2[02367Cc]|3[BbCcEe]|5[Cc]|7[Dd])"
# Up to a quote, a blank or a sign that parts, encoded as often.
_VALUE: Final = tuple(
    re.compile(rf"(?:[A-Za-z0-9_.~!*()/+@$-]|%(?!(?:25){{{times}}}{_PARTING})[0-9A-Fa-f]{{2}})+".encode())
    for times in range(_TIMES)
)


def _encoded(place: Place) -> Looked:
    """`password%3Dsecret`, `%22password%22%3A%22secret%22`."""
    data, end = place.data, place.line.end
    sign = _SIGN.search(data, place.at, place.end)
    start = name_begins(place)
    if (
        data[start - 1 : start] == b"%"
        and start > place.floor
        and (digits := _DIGITS.match(data, start, place.at))
    ):
        start = digits.end()
    found = _RUN.match(data, start, place.end)
    if sign is None or found is None or not (kind := kind_of(found[0].decode("latin-1"))):
        return NOTHING
    times = len(sign[1]) // 2
    before = _BEFORE[times].match(data, place.end, end)
    begin = before.end() if before else place.end
    value = _VALUE[times].match(data, begin, end)
    if value is None:
        return NOTHING
    secret = value[0]
    for _ in range(times + 1):
        secret = plain(secret, url=True)
    if is_no_secret(found[0].decode("latin-1"), secret.replace(b"+", b" "), quoted=False, prose=True):
        return NOTHING
    return Looked((Hit(kind, begin, value.end(), secret),))


ENCODED: Final = (
    Sign(
        rf"(?i:{name_words()}){NAME}{{0,40}}(?:%(?:25){{0,2}}2[0257])?%(?:25){{0,2}}3[DdAa]",
        _encoded,
        b"DdAa",
    ),
)
