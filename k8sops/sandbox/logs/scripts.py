"""What the sandbox's containers say: scripts of log lines by the `sandbox.k8sops.dev/log` annotation.

Each line is chosen by a number that the caller derives from pod, container, restart and line, so a log reads the same
however often and from wherever it is read. All names and addresses in it are made up (RFC 5737, RFC 2606).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from k8sops.sandbox.logs import hostile

Say = Callable[[int, int, int], bytes]
Text = Callable[[int, datetime], str]


class Script(NamedTuple):
    """What a container says, and in what way."""

    said: Say
    """The line of an index, given also a number that is as good as random, and its time in nanoseconds."""
    group: int = 1
    """So many lines come together,"""
    apart_ns: int = 0
    """so far apart."""
    skew: Callable[[int], int] | None = None
    """How far from the truth a line's timestamp is, in nanoseconds."""
    keep: int = 0
    """The most lines that can be read; 0 for what is usual."""


_PATHS: Final = (
    "/",
    "/cart",
    "/checkout",
    "/products/4711",
    "/products/815",
    "/search?q=lamp",
    "/healthz",
    "/login",
)
_USERS: Final = ("u-1042", "u-2210", "u-3155", "u-0007", "u-9120")
_JOBS: Final = ("invoice.render", "mail.send", "stock.sync", "thumbnail.make", "report.daily")


def _json(level: str, message: str, moment: datetime, **fields: object) -> str:
    return json.dumps(
        {"time": moment.isoformat(timespec="milliseconds"), "level": level, "msg": message, **fields}
    )


def _checkout(n: int, moment: datetime) -> str:
    order, user = f"o-{10_000 + n % 90_000}", _USERS[n % len(_USERS)]
    if n % 29 == 0:
        return _json(
            "warn", "payment provider is slow", moment, order=order, upstream="payments", ms=800 + n % 1200
        )
    if n % 61 == 0:
        return _json(
            "error", "reservation refused", moment, order=order, reason="out of stock", sku=f"sku-{n % 700}"
        )
    steps = ("cart loaded", "address checked", "stock reserved", "payment authorised", "order placed")
    return _json("info", steps[n % len(steps)], moment, order=order, user=user, ms=4 + n % 90)


def _payments(n: int, moment: datetime) -> str:
    payment = f"p-{n % 1_000_000:06d}"
    if n % 37 == 0:
        return _json("warn", "retrying authorisation", moment, payment=payment, attempt=1 + n % 3)
    message = ("authorised", "captured", "settlement queued")[n % 3]
    return _json(
        "info", message, moment, payment=payment, cents=199 + n % 25_000, currency="EUR", ms=20 + n % 160
    )


def _postgres(n: int, moment: datetime) -> str:
    stamp, process = moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], 60 + n % 40
    lines = (
        f"LOG:  checkpoint complete: wrote {40 + n % 900} buffers ({n % 9}.{n % 10}%)",
        f"LOG:  duration: {n % 400}.{n % 1000:03d} ms  statement: EXECUTE order_by_id ({n % 99_999})",
        f"LOG:  connection received: host=192.0.2.{1 + n % 250} port={40_000 + n % 20_000}",
        f'LOG:  automatic vacuum of table "shop.public.carts": {n % 300} pages removed',
        'ERROR:  duplicate key value violates unique constraint "payments_pkey"',
    )
    return f"{stamp} UTC [{process}] {lines[(n % 17) % 4] if n % 53 else lines[4]}"


def _nginx(n: int, moment: datetime) -> str:
    status = 502 if n % 47 == 0 else 404 if n % 23 == 0 else 200
    stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
    return (
        f'198.51.100.{1 + n % 250} - - [{stamp}] "GET {_PATHS[n % len(_PATHS)]} HTTP/1.1" {status} '
        f'{120 + n % 30_000} "-" "Mozilla/5.0" {n % 900 / 1000:.3f}'
    )


def _worker(n: int, moment: datetime) -> str:
    stamp, job = moment.strftime("%H:%M:%S.%f")[:-3], _JOBS[n % len(_JOBS)]
    if n % 31 == 0:
        return f"{stamp} WARN  {job} id={n % 100_000} took {2 + n % 9} s, queue length {n % 200}"
    return f"{stamp} INFO  {job} id={n % 100_000} done in {5 + n % 700} ms"


def _web(n: int, moment: datetime) -> str:
    return _json(
        "info" if n % 41 else "error",
        "request" if n % 41 else "upstream connect error",
        moment,
        method="POST" if n % 7 == 0 else "GET",
        path=_PATHS[n % len(_PATHS)],
        status=200 if n % 41 else 503,
        ms=1 + n % 240,
        trace=f"{n * 2654435761 % 2**64:016x}",
    )


def _told(text: Text) -> Script:
    return Script(lambda _, number, at_ns: text(number, datetime.fromtimestamp(at_ns / 1e9, UTC)).encode())


SCRIPTS: Final[dict[str, Script]] = {
    "checkout": _told(_checkout),
    "payments": _told(_payments),
    "postgres": _told(_postgres),
    "nginx": _told(_nginx),
    "worker": _told(_worker),
    "web": _told(_web),
    "numbered": Script(hostile.numbered),
    "rotating": Script(hostile.numbered, keep=100),
    "twins": Script(hostile.twins, group=hostile.TWINS),
    "skewed": Script(hostile.numbered, skew=hostile.skew),
    "longline": Script(hostile.long_line, keep=30),
    "binary": Script(hostile.binary),
    "ansi": Script(hostile.ansi),
    "badutf8": Script(hostile.bad_utf8),
    "stacktraces": Script(hostile.stack_trace, group=len(hostile.TRACES), apart_ns=20_000),
    "secrets": Script(hostile.told_secrets, group=hostile.SECRET_GROUP, apart_ns=1_000),
}


def script_for(name: str) -> Script:
    """The script of that name; one nobody wrote is a web service's."""
    return SCRIPTS.get(name, SCRIPTS["web"])


def last_words(reason: str, script: str) -> tuple[str, ...]:
    """What a container says before it ends badly; nothing where it was killed from outside."""
    if reason == "OOMKilled":
        return ("allocating 512 MiB for the result set", "GC overhead: 97 % of the last 10 s")
    if script in {"checkout", "payments", "web"}:
        return (
            "Traceback (most recent call last):",
            '  File "/srv/app/main.py", line 41, in <module>',
            "    app = create_app(load_settings())",
            '  File "/srv/app/settings.py", line 18, in load_settings',
            '    return Settings(dsn=os.environ["PAYMENTS_DSN"])',
            "KeyError: 'PAYMENTS_DSN'",
        )
    return (
        "panic: dial tcp 203.0.113.7:5432: connect: connection refused",
        "",
        "goroutine 1 [running]:",
        "main.mustConnect(...)",
        "\t/src/cmd/worker/main.go:57",
        "main.main()",
        "\t/src/cmd/worker/main.go:23 +0x1f4",
        "exit status 2",
    )
