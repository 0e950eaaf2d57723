"""Which values are no secrets although a secret's name stands before them. Pure.

Text is full of them: placeholders, counts, names of objects, and prose in which "token: expired" tells of no secret.
What is not known to be harmless is taken out.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.rules import words_of

# Names of which a short value is a count or a switch.
_SHORT: Final = frozenset({"pass", "pin", "pw", "otp", "salt", "cred", "creds", "auth", "psk"})
_COUNTED: Final = frozenset({"tokens", "secrets", "credentials", "keys", "cookies", "pass"})
# Words of a sentence, of which hardly one is anybody's password: "token: expired", "password is required".
_SAYING: Final = frozenset(
    b"a already an and any are as at authentication bad be been but by can can't cannot could denied didn't does "
    b"doesn't empty error exceeded exists expected expired failed failure for forbidden found from had has have in "
    b"incorrect invalid is isn't it its length malformed may mismatch missing must needs no none not of ok on or "
    b"present provided refreshed rejected required requires reset revoked rotated rotation set should signature "
    b"successfully that the this to too unable unauthorized unexpected unknown unset update updated using valid "
    b"validation verification was were when will with without wrong".split()
)
# In a sentence also what it is about, what Go says after a URL in quotes, and for which machines a package is.
_ABOUT: Final = _SAYING | {
    b"all",
    b"amd64",
    b"arm64",
    b"client",
    b"connection",
    b"context",
    b"dial",
    b"eof",
    b"http2",
    b"i386",
    b"i/o",
    b"net/http",
    b"non-existent",
    b"read",
    b"references",
    b"remote",
    b"stream",
    b"tls",
    b"write",
    b"x509",
    b"token",
    b"secret",
    b"secrets",
    b"password",
    b"key",
    b"user",
    b"tls.key",
    b"tls.crt",
}
# Somebody's passphrase may begin with "the"; a message about one begins with "is required".
_MESSAGE: Final = frozenset(
    b"can't cannot does doesn't expired failed has incorrect invalid is isn't may missing must not required should str "
    b"too was wrong".split()
)
_EMPTY: Final = frozenset(
    b"true false null nil none undefined yes no on off ~ <nil> <none> <unset> n/a string optional hidden redacted "
    b"masked removed filtered omitted sensitive present absent [redacted] (redacted) <redacted> [filtered] [hidden] "
    b"[masked] ***hidden*** (sensitive) {} [] enabled disabled prompt object map bytes bool int ... "
    b"\xe2\x80\xa6".split()
)
_STANDS_FOR_ONE: Final = re.compile(
    rb"""
      redacted:[0-9a-f]{12,32}\Z
    | [*x.\xe2\x80\xa6\xa2-]+\Z
    | \$\{\{?\ ?[A-Za-z0-9_.]+\ ?\}?\}\Z | \$\([A-Za-z0-9_.-]+\)\Z | \$[A-Z_][A-Z0-9_]*\Z | \$\d{1,3}\Z | \?\Z
    | \$\((?:cat|vault|kubectl|aws|gcloud|op|pass|openssl|head|echo\ \$)\b
    | \{\{.*\}\}\Z | \{[a-z_]*\}\Z | %[sdvq]\Z | %\([a-z_]+\)s\Z
    | <[a-z][a-z0-9 _'./-]*>\Z | <set\ to\ the\ key\ '
    | [0-9]+\ bytes\Z | [0-9]{1,6}\ of\ [0-9]{1,6}\Z
    | (?:[a-z]{2,10}/)?arn:aws[a-z-]{0,12}:[a-z0-9-]{2,30}:[^\s]+\Z          # where AWS has it
    | [0-9]{1,6}(?:\.[0-9]+)?(?:ns|us|\xc2\xb5s|ms)\Z | (?:[0-9]{1,4}h)?(?:[0-9]{1,3}m)?[0-9]{1,4}(?:\.[0-9]+)?s\Z
    | (?:[a-z][a-z-]{2,40}/){2,8}[a-z][a-z-]{2,40}\Z                       # where a store has it
    | (?:\.{1,2}|~)(?:/[a-z0-9_.-]+)+/?\Z | (?:/[a-z0-9_.-]+){2,}/?\Z       # a file that holds it
    | &?(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*[(\[]                                # code that reads it
    | (?:process\.env|env|secrets|vars|self|this|req|request|config|cfg|settings|args|opts|options)\.[A-Za-z_.]+\Z
    """,
    re.VERBOSE,
)
# A sentence of such words that ends in what happened: "reset link sent".
_HAPPENED: Final = re.compile(
    rb"[a-z]+(?: [a-z]+){1,6} (?:sent|changed|updated|rotated|expired|failed|requested)\Z"
)
# A queue's routing key has words in it, an alerting service's has not.
_ROUTING_SECRET: Final = re.compile(rb"(?=[^\s]{0,100}[0-9])[A-Za-z0-9_-]{20,100}\Z")
_PIN_OF_A_BOARD: Final = re.compile(rb"(?:gpio|pin|led|pwm|adc|[a-d]|p[a-h]?)[_-]?[0-9]{1,3}\Z")
_OBJECT: Final = re.compile(rb"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?/[a-z0-9][a-z0-9.-]*\Z")
_OBJECTS: Final = re.compile(rb"[a-z]+(?:-[a-z]+)*\Z")


def is_no_secret(name: str, value: bytes, *, quoted: bool, prose: bool) -> bool:
    """Whether what follows a secret's name is none; `prose` where it may be a word of a sentence."""
    low = value.strip().lower()
    if not low or low in _EMPTY or _STANDS_FOR_ONE.match(value):
        return True
    words = words_of(name)
    last = words[-1] if words else ""
    if _counts_or_names(value, low, last, alone=len(words) == 1) or _HAPPENED.match(value):
        return True
    if words[-2:] == ["routing", "key"] and not _ROUTING_SECRET.match(value):
        return True
    if not any(byte in b"0123456789abcdefghijklmnopqrstuvwxyz" or byte > 127 for byte in low):
        return prose or len(low) < 3
    first, *rest = low.strip(b"\"'`,.;!)").split(None, 1) or [b""]
    known = _ABOUT if prose else _MESSAGE if rest or quoted else _SAYING
    return first.strip(b",.;:!") in known


def _counts_or_names(value: bytes, low: bytes, last: str, *, alone: bool) -> bool:
    """Whether it is a number of things, or the name of an object that holds the secret."""
    if low.isdigit() and (last in _COUNTED or (len(low) < 4 and last != "password")):
        return True
    if last in _SHORT and len(low) < 4:
        return True
    if last == "pin" and _PIN_OF_A_BOARD.match(low):
        return True
    if last == "secrets" and _OBJECTS.match(value):
        return True
    if last in {"pwd", "oldpwd"} and value.startswith(b"/"):
        return True
    return last == "secret" and alone and bool(_OBJECT.match(value))
