"""Single log lines as programs write them, and lines that give away a secret; all made up out of a random generator.

What looks like a secret is put together as it is said, so that none stands in a file.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Final

Chance = random.Random
Dress = Callable[[Chance], str]

ALPHANUMERIC: Final = string.ascii_letters + string.digits
_WORDS: Final = (
    *("request", "handled", "by", "worker", "queue", "cache", "session", "user", "pod", "node", "ready"),
    *("failed", "started", "retry", "connection", "pool", "timeout", "watching", "reconciling", "object"),
    *("cart", "payment", "checkout"),
)
_LEVELS: Final = ("info",) * 12 + ("debug",) * 5 + ("warn",) * 2 + ("error",)


def ordinary(chance: Chance) -> str:
    """A line of about 120 bytes without a secret."""
    return chance.choice(_ORDINARY)(chance)


def secret(chance: Chance) -> str:
    """A line that gives one away."""
    return chance.choice(_SECRET)(chance)


def text_of(chance: Chance, length: int, alphabet: str = ALPHANUMERIC) -> str:
    """So many characters, drawn by chance."""
    return "".join(chance.choices(alphabet, k=length))


def _clock(chance: Chance) -> str:
    hour, minute, second = chance.randrange(24), chance.randrange(60), chance.randrange(60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{chance.randrange(10**6):06d}"


def _said(chance: Chance, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words))


def _json(chance: Chance) -> str:
    trace = f"{chance.getrandbits(64):016x}"
    return (
        f'{{"time":"{_clock(chance)}","level":"{chance.choice(_LEVELS)}","msg":"{_said(chance, 4)}",'
        f'"trace":"{trace}","status":{chance.choice((200, 201, 204, 404, 503))},"ms":{chance.randrange(900)}}}'
    )


def _klog(chance: Chance) -> str:
    kind = chance.choice("IIIIIIIIWE")
    return (
        f'{kind}1122 {_clock(chance)}       1 controller.go:{chance.randrange(900)}] "{_said(chance, 4)}" '
        f'object="shop/web-{chance.randrange(999)}" attempt={chance.randrange(9)} took="{chance.randrange(999)}ms"'
    )


def _access(chance: Chance) -> str:
    return (
        f"198.51.100.{chance.randrange(1, 250)} - - [22/Nov/2026:{_clock(chance)[:8]} +0000] "
        f'"GET /cart?id={chance.randrange(10**6)} HTTP/1.1" {chance.choice((200, 200, 304, 404, 502))} '
        f'{chance.randrange(30_000)} "-" "Mozilla/5.0 (X11; Linux x86_64)"'
    )


def _logfmt(chance: Chance) -> str:
    return (
        f'ts={_clock(chance)} level={chance.choice(_LEVELS)} msg="{_said(chance, 6)}" component=scheduler '
        f"shard={chance.randrange(64)} id={chance.getrandbits(48):012x}"
    )


def _plain(chance: Chance) -> str:
    level = chance.choice(_LEVELS).upper()
    return f"{_clock(chance)} {level:<5} [main] com.example.Shop - {_said(chance, 8)} id={chance.getrandbits(64):016x}"


_ORDINARY: Final[tuple[Dress, ...]] = (_json, _klog, _access, _logfmt, _plain)


def _jwt(chance: Chance) -> str:
    return f"eyJ{text_of(chance, 33)}.eyJ{text_of(chance, 60)}.{text_of(chance, 43)}"


_SECRET: Final[tuple[Dress, ...]] = (
    lambda c: f"{_clock(c)} DEBUG headers: Authorization: Bearer {text_of(c, 40)}",
    lambda c: (
        f'{{"level":"debug","msg":"login","user":"app","password":"{text_of(c, 14)}","ms":{c.randrange(90)}}}'
    ),
    lambda c: f"level=info msg=connecting dsn=postgres://app:{text_of(c, 16)}@db.example:5432/shop",
    lambda c: f"{_clock(c)} INFO  DB_PASSWORD={text_of(c, 12)} taken from the environment",
    lambda c: (
        f"using {'AK'}{'IA'}{text_of(c, 16, string.ascii_uppercase + '234567')} for s3://backups in eu-central-1"
    ),
    lambda c: f"git clone https://x-access-token:{'gh'}p_{text_of(c, 36)}@github.com/acme/shop.git",
    lambda c: (
        f'{_clock(c)} WARN  slack said invalid_auth to "{"xo"}xb-{c.randrange(10**11)}-{text_of(c, 24)}"'
    ),
    lambda c: f'I1122 {_clock(c)}       1 token.go:41] "Issued" token="{_jwt(c)}"',
    lambda c: f"curl --user admin:{text_of(c, 12)} https://registry.example/v2/_catalog",
    lambda c: f'{{"auths":{{"registry.example":{{"auth":"{text_of(c, 32)}=="}}}}}}',
)
