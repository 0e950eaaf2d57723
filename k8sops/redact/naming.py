"""Which names in a text say that a secret follows, and of which kind. Pure.

Names are judged by `rules`, as fields of structures are; text has a few more (`auth`, `JSESSIONID`), and more that only
speak of a secret (`token-ttl`, `existingSecret`).
"""

from __future__ import annotations

from typing import Final

from k8sops.redact.rules import BEFORE_KEY, LAST_WORDS, is_secret_name, words_of

_MORE: Final = {
    "auth": "docker-auth",
    "salt": "salt",
    "passwordsalt": "salt",
    "identitytoken": "token",
    "registrytoken": "token",
    "clientkeydata": "kubeconfig-key",
    "jsessionid": "session",
    "phpsessid": "session",
    "aspnetsessionid": "session",
    "connectsid": "session",
    "proxyauthorization": "authorization",
    "setcookie": "cookie",
    "requirepass": "password",
    "masterauth": "password",
    "ldapbindpw": "password",
    "seedphrase": "recovery-key",
    "mnemonic": "recovery-key",
    "presharedkey": "wireguard-key",
    "encryptionkey": "encryption-key",
    "connectionstring": "connection-string",
}
_ENDINGS: Final = {"secretid": "vault-secret-id", "identifiedby": "password"}
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
    ("password", {"password", "passwd", "passphrase", "passcode", "pwd", "pass", "pw", "htpasswd", "pin", "otp"}),
    ("token", {"token", "tokens", "jwt"}),
    ("secret", {"secret", "secrets"}),
    ("authorization", {"authorization", "bearer"}),
    ("cookie", {"cookie", "cookies"}),
    ("connection-string", {"dsn"}),
    ("docker-config", {"dockerconfigjson", "dockercfg"}),
    ("kubeconfig", {"kubeconfig"}),
    ("credential", {"credential", "credentials", "cred", "creds"}),
)  # fmt: skip
# A place in a list is no secret, and neither is what grammars and object kinds are called.
_NOT: Final = frozenset(
    {"continuetoken", "pagetoken", "paginationtoken", "continuationtoken", "tokenreview", "stoptoken"}
)
_NOT_BEGINNING: Final = (
    "next",
    "existing",
    "secretsmanager",
    "tokeniz",
    "secretar",
    "passeng",
    "passing",
    "automount",
)
# Of a name these last words say something about a secret and hold none.
_ABOUT: Final = frozenset(
    {"age", "alg", "algorithm", "at", "attempts", "auth", "backend", "bucket", "changed", "cleaner",
     "controller", "created", "date", "driver",
     "engine", "error", "errors", "exchange", "expired", "expires", "expiry", "field", "filter", "format",
     "header", "host", "issuer", "length", "lifetime", "limit", "manager", "mode", "param", "plugin",
     "request", "required", "review", "rotation", "scope", "scopes", "server", "service", "signer", "since", "size",
     "state", "status", "strength", "sync", "time", "timeout", "timestamp", "ttl", "until", "updated", "usage", "valid",
     "validator",
     "verification"}
)  # fmt: skip
_FILES: Final = (
    ".js",
    ".ts",
    ".py",
    ".go",
    ".java",
    ".rs",
    ".rb",
    ".c",
    ".cc",
    ".sh",
    ".yaml",
    ".yml",
    ".md",
    ".crt",
)


def name_words() -> str:
    """The words of secrets' names, any of which makes a name worth judging. RE2 syntax, letters of either case."""
    before = "|".join(sorted(BEFORE_KEY | _MORE_KEYS.keys() | {"seed"}))
    more = {"sessionid", "phpsessid", r"connect\.sid", "identified by", "mnemonic", "requirepass", "secret"}
    words = "|".join(sorted(LAST_WORDS | more, key=lambda word: (-len(word), word)))
    return rf"(?:{words}|(?:{before})[ _.-]?(?:key|phrase)|connection[ _-]?string|key-data)"


def kind_of(name: str) -> str:
    """The kind of secret that something of this name holds; empty where it holds none."""
    words = words_of(name)
    joined = "".join(words)
    if joined in _NOT or joined.startswith(_NOT_BEGINNING) or name.lower().endswith(_FILES):
        return ""
    if known := next(
        (kind for ending, kind in _ENDINGS.items() if joined.endswith(ending)), _MORE.get(joined)
    ):
        return known
    if len(words) > 1 and words[-1] == "key" and words[-2] in _MORE_KEYS:
        return _MORE_KEYS[words[-2]]
    if not is_secret_name(name.replace(" ", "-")) or words[-1] in _ABOUT:
        return ""
    return _kind_by(words, joined)


def _kind_by(words: list[str], joined: str) -> str:
    """By the last word, else by a word somewhere in it."""
    for kind, last in _KINDS:
        if words[-1] in last:
            return kind
    if joined.endswith(("key", "keys")):
        return "key"
    return next((kind for kind in ("password", "token") if kind in joined), "secret")
