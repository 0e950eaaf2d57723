"""Which names in a text say that a secret follows, and which values are none all the same. Pure.

Names are judged by `rules`, as fields of structures are; text has a few more (`auth`, `JSESSIONID`), and it has prose:
"token: expired" tells of no secret.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.rules import BEFORE_KEY, LAST_WORDS, is_secret_name, words_of

_MORE: Final = {
    "auth": "docker-auth",
    "salt": "salt",
    "passwordsalt": "salt",
    "identitytoken": "token",
    "registrytoken": "token",
    "clientkeydata": "kubeconfig-key",
    "secretid": "vault-secret-id",
    "jsessionid": "session",
    "phpsessid": "session",
    "aspnetsessionid": "session",
    "connectsid": "session",
    "proxyauthorization": "authorization",
    "setcookie": "cookie",
    "requirepass": "password",
    "masterauth": "password",
    "identifiedby": "password",
    "ldapbindpw": "password",
    "joincommand": "token",
    "seedphrase": "recovery-key",
    "mnemonic": "recovery-key",
    "presharedkey": "wireguard-key",
    "encryptionkey": "encryption-key",
    "connectionstring": "connection-string",
}
# Names of which only a value of some length counts: as a number they count something.
_SHORT: Final = frozenset({"pass", "pin", "pw", "otp", "salt", "cred", "creds", "auth", "psk"})
# What Helm, log lines and the API say *about* tokens.
_NOT: Final = frozenset(
    {"nexttoken", "continuetoken", "pagetoken", "nextpagetoken", "paginationtoken", "continuationtoken", "passing",
     "secretkeyref", "tokenreview", "tokenrequest", "unexpectedtoken", "stoptoken", "secretsync", "passcount"}
)  # fmt: skip
# Words that make a key one of somebody's, beside those that `rules` knows from fields.
_MORE_KEYS: Final = {
    "unseal": "vault-unseal-key",
    "recovery": "recovery-key",
    "functions": "key",
    "subscription": "key",
    "routing": "key",
    "ingestion": "key",
    "integration": "key",
}
_KINDS: Final = (
    (
        "password",
        ("password", "passwd", "passphrase", "passcode", "pwd", "pass", "pw", "htpasswd", "pin", "otp"),
    ),
    ("token", ("token", "tokens", "jwt")),
    ("secret", ("secret", "secrets")),
    ("authorization", ("authorization", "bearer")),
    ("cookie", ("cookie", "cookies")),
    ("connection-string", ("dsn",)),
    ("docker-config", ("dockerconfigjson", "dockercfg")),
    ("kubeconfig", ("kubeconfig",)),
    ("credential", ("credential", "credentials", "cred", "creds")),
)

# Words of a sentence, of which none is anybody's password: "token: expired", "password is required".
_SAYING: Final = frozenset(
    b"a already an and any are as at authentication bad be been but by can can't cannot could denied didn't does "
    b"doesn't empty error exceeded exists expected expired failed failure for forbidden found from had has have in "
    b"incorrect invalid is isn't it its length malformed may mismatch missing must needs no none not of ok on or "
    b"present provided refreshed rejected required requires reset revoked rotated rotation set should signature "
    b"successfully that the this to too unable unauthorized unexpected unknown unset update updated using valid "
    b"validation verification was were when will with without wrong".split()
)
_MESSAGE: Final = frozenset(
    b"can't cannot does doesn't expired failed has incorrect invalid is isn't may missing must not required should too "
    b"was wrong".split()
)
_EMPTY: Final = frozenset(
    b"true false null nil none undefined yes no on off ~ <nil> <none> <unset> n/a string optional hidden redacted "
    b"masked removed filtered omitted sensitive present absent [redacted] (redacted) <redacted> [filtered] [hidden] "
    b"[masked] ***hidden*** (sensitive) {} [] object map bytes bool int ... \xe2\x80\xa6".split()
)
_PLACEHOLDER: Final = re.compile(
    rb"""redacted:[0-9a-f]{12,32}\Z | [*x.\xe2\x80\xa6\xa2-]+\Z | \$\{[A-Za-z0-9_.:-]*\}\Z(?<!:-\})
    | \$\([A-Za-z0-9_.-]+\)\Z | \$[A-Z_][A-Z0-9_]*\Z | \{\{.*\}\}\Z | %[sdvq]\Z | %\([a-z_]+\)s\Z | <[a-z][a-z0-9 _'./-]*>?\Z | \{[a-z_]*\}\Z
    | &?(?:\w+\.)+[A-Za-z]+\(.*""",
    re.VERBOSE,
)
_DEFAULTING: Final = re.compile(rb"\$\{[A-Za-z0-9_.]+:[-=?+]")
_OBJECT: Final = re.compile(rb"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?/[a-z0-9][a-z0-9.-]*\Z")


def name_words() -> str:
    """The words of secrets' names, any of which makes a name worth judging. RE2 syntax, letters of either case."""
    before = "|".join(sorted(BEFORE_KEY | _MORE_KEYS.keys() | {"seed"}))
    more = {"sessionid", "phpsessid", "connect\\.sid", "identified by", "mnemonic", "requirepass", "secret"}
    words = "|".join(sorted(LAST_WORDS | more, key=lambda word: (-len(word), word)))
    return rf"(?:{words}|(?:{before})[ _.-]?(?:key|phrase)|connection[ _-]?string|key-data)"


def name_heads() -> str:
    """What the scan looks for: such a word, the rest of the name, and what separates it from a value."""
    return rf"(?i:{name_words()}[A-Za-z0-9_.-]{{0,40}}|auth)[\"'\\\]]{{0,6}}[ \t]{{0,24}}[:=]"


def kind_of(name: str) -> str:
    """The kind of secret that something of this name holds; empty where it holds none."""
    words = words_of(name)
    joined = "".join(words)
    if joined in _NOT or (joined.startswith("next") and joined.endswith("token")):
        return ""
    if joined in _MORE:
        return _MORE[joined]
    if joined.endswith("secretid"):
        return "vault-secret-id"
    if len(words) > 1 and words[-1] == "key" and words[-2] in _MORE_KEYS:
        return _MORE_KEYS[words[-2]]
    if not is_secret_name(name.replace(" ", "-")):
        return _MORE["identifiedby"] if joined.endswith("identifiedby") else ""
    for kind, last in _KINDS:
        if words[-1] in last:
            return kind
    if joined.endswith(("key", "keys")):
        return "key"
    return next(
        (kind for kind, last in _KINDS[:3] if any(word in joined for word in last if len(word) > 4)), "secret"
    )


def is_no_secret(name: str, value: bytes, *, quoted: bool, prose: bool) -> bool:
    """Whether what follows a secret's name is none: nothing, a placeholder, a count, an object's name, a sentence."""
    low = value.strip().lower()
    if not low or low in _EMPTY or (_PLACEHOLDER.match(value) and not _DEFAULTING.match(value)):
        return True
    words = words_of(name)
    last = words[-1] if words else ""
    if low.isdigit() and (
        last in {"tokens", "secrets", "credentials", "keys", "cookies", "pass"} or len(low) < 4
    ):
        return last not in {"password", "pin"}
    if last in _SHORT and len(low) < 4:
        return True
    if last == "secret" and len(words) == 1 and _OBJECT.match(value):
        return True
    if not any(byte in b"0123456789abcdefghijklmnopqrstuvwxyz" or byte > 127 for byte in low):
        return prose
    first, *rest = low.strip(b"\"'`,.;!)").split(None, 1) or [b""]
    first = first.strip(b",.;:!")
    # Somebody's passphrase may begin with "the"; a message about one begins with "is required".
    return first in (_MESSAGE if rest and not prose else _SAYING)
