"""What counts as a secret: by the field it is in, by how the text looks.

Leans towards taking out too much, except where a field only refers to a secret (`secretName`, `secretKeyRef`) or
says something about one (`automountServiceAccountToken`): there the name is what a reader of the record needs.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# A field is secret when its name ends in one of these words, a plural counting as the singular.
LAST_WORDS: Final = frozenset(
    {"password", "passwd", "passphrase", "passcode", "pwd", "pass", "pw", "token", "secret", "credential", "cred",
     "authorization", "cookie", "apikey", "secretkey", "privatekey", "accesskey", "jwt", "bearer", "otp", "pin", "psk",
     "dsn", "kubeconfig", "dockerconfigjson", "dockercfg", "htpasswd", "salt"}
)  # fmt: skip
# `key` alone is as a rule the key of a label, a toleration or a map; with one of these words before it, it is not.
BEFORE_KEY: Final = frozenset(
    {"access", "account", "api", "app", "auth", "bearer", "client", "consumer", "crypto", "decryption", "deploy",
     "encryption", "hmac", "host", "license", "master", "pre", "private", "root", "secret", "server", "service",
     "session", "shared", "signing", "ssh", "ssl", "storage", "tls", "webhook"}
)  # fmt: skip
_SECRET_WORDS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "credential",
)
# What may follow such a word without making the field secret: it refers to one, or describes it.
_ABOUT: Final = frozenset(
    {"name", "names", "ref", "refs", "reference", "selector", "namespace", "path", "file", "seconds", "audience",
     "audiences", "type", "kind", "class", "provider", "store", "count", "expiration", "url", "uri", "endpoint",
     "version", "enabled", "policy", "id"}
)  # fmt: skip
# Under a field that is a secret's (`secret: {secretName: …}`, `tokenRequests: […]`) these still only refer to it.
_REFERENCES: Final = frozenset(
    {"name", "secretname", "namespace", "key", "optional", "items", "path", "mode", "defaultmode", "kind",
     "apiversion", "apigroup", "uid", "audience", "expirationseconds", "fieldpath", "resourceversion", "type"}
)  # fmt: skip

SECRET_TEXT: Final = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY                                   # PEM
    | \b(?:bearer|basic)\s+(?=[^\s0-9=]{0,200}[0-9=])[A-Za-z0-9+/._~=-]{8,}  # an Authorization header's value
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.                     # a JSON Web Token
    | \b[a-z][a-z0-9+.-]{0,30}://[^\s/@:]{0,200}:[^\s/@]{1,200}@      # a URL with a password
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                   # an AWS access key id
    | \b(?:gh[opsur]|github_pat|glpat|xox[abposr]|xapp|sk|hvs|dop_v1|npm|pypi)[-_][A-Za-z0-9_-]{16,}
    | (?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)
      ["']?\s*(?:=|:(?!//))\s*["']?[^\s"',;{}\[\]]                    # an assignment in a file or on a command line
    | --?(?:password|passwd|token|secret|api-key|secret-key|access-key)(?:=|\s+)[^\s-]
    | \bauthorization["']?\s*[:=]
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Cheap to look for, and one of them is in every text that the pattern above can match.
_HINTS: Final = re.compile(
    r"private key|bearer|basic|eyj|://|akia|asia|gh[opsur]_|github_pat|glpat|xox|xapp|sk[-_]|hvs|dop_v1|npm_|pypi-"
    r"|pass|pwd|secret|token|key|credential|authorization",
    re.IGNORECASE,
)


def words_of(name: str) -> list[str]:
    """A field's name in lower-case words: `tlsPrivateKey`, `TLS_PRIVATE_KEY` and `tls.private-key` are the same."""
    return [word.lower() for word in _WORD.findall(name)]


def is_secret_name(name: str) -> bool:
    """Whether what a field of this name holds is taken out whatever it looks like."""
    words = words_of(name)
    if not words:
        return False
    last = words[-1].removesuffix("s") if len(words[-1]) > 3 else words[-1]
    if last in LAST_WORDS or words[-1] in LAST_WORDS:
        return True
    if last == "key" and len(words) > 1:
        return words[-2] in BEFORE_KEY
    if last in _ABOUT or words[-1] in _ABOUT:
        return False
    joined = "".join(words)
    return any(word in joined for word in _SECRET_WORDS) and not joined.startswith("automount")


def is_reference(name: str) -> bool:
    """Whether a field inside a secret's field only says where the secret is."""
    joined = "".join(words_of(name))
    return joined in _REFERENCES or joined.endswith(("ref", "refs", "name"))


def is_secret_flag(argument: object) -> bool:
    """Whether the next word of a command line is a secret: `--password`, `-token`."""
    return isinstance(argument, str) and argument.startswith("-") and is_secret_name(argument)


def is_secret_text(text: str) -> bool:
    """Whether a text looks like a secret, or holds one."""
    return _HINTS.search(text) is not None and SECRET_TEXT.search(text) is not None
