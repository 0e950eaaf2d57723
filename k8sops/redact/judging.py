"""What is asked of a value that a name announces, and where that name begins. Pure.

Shared by all rules that go by a name, so that a value is judged the same in whatever dress it comes.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked, Place, meant
from k8sops.redact.harmless import is_no_secret
from k8sops.redact.places import is_docker_auth
from k8sops.redact.values import Value

NAME: Final = "[A-Za-z0-9_.-]"
"""A letter of a name, for signs."""
REACH: Final = 80
"""How far from a place a name is looked for."""
_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_MADE_UP: Final = re.compile(rb"(?=[!-~]{0,256}[0-9])(?=[!-~]{0,256}[A-Za-z])[!-~]{8,256}\Z")
_OF_A_LOG: Final = re.compile(
    rb"/|[a-z]{2,12}://|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9a-f.:]+:[0-9a-f.:]+\Z|[0-9.+-]+[eE][0-9+-]+\Z"
)


def judged(kind: str, name: bytes, place: Place, value: Value, *, prose: bool, wrap: bytes = b"") -> Looked:
    """The value as a secret, unless it is harmless."""
    secret = meant(place, value)
    if prose and secret.startswith(b"-"):
        return NOTHING
    if is_no_secret(name.decode("latin-1"), secret, quoted=bool(value.quote or wrap), prose=prose):
        return NOTHING
    if kind == "docker-auth" and not is_docker_auth(secret):
        return NOTHING
    return Looked((Hit(kind, value.start, value.end, secret, wrap),))


def name_begins(place: Place) -> int:
    """Where the name begins of which a part stands at the place."""
    before = place.data[max(place.floor, place.line.start, place.at - REACH) : place.at]
    start = place.at - (len(before) - len(before.rstrip(_BYTES)))
    # The n of an escaped line end in a JSON text is no letter of the name.
    if place.floor < start < place.at and place.data[start - 1] == 0x5C and place.data[start] in b"nrt":
        start += 1
    return start


def is_made_up(word: bytes) -> bool:
    """Whether a word looks like a password that a machine made, and like nothing else that stands in logs."""
    return bool(_MADE_UP.match(word)) and not _OF_A_LOG.match(word)
