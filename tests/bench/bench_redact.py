"""How fast text is redacted: `python -m tests.bench.bench_redact`; exits 1 where a limit is missed.

CPU seconds of one thread for 60 MB, so that the limit of 60 MB a core-second is one second. Logs as pods write them:
JSON, klog, logfmt, access logs, Java. Best of several rounds, since other work only ever makes a round slower.

Beside it, what 26 patterns cost that go over every line one after the other, as troubleshoot's redactors do: patterns
like its own, on a linear engine as there, without its pipes.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.redact.linear import LinearPattern
from tests.bench.bench_cluster import Figure
from tests.redact.support import samples

LINES = 20_000
ROUNDS = 4
CHUNK = 1 << 18
BYTES = 60e6
WORDS = (
    "request", "handled", "by", "worker", "queue", "cache", "session", "user", "pod", "node", "ready", "failed",
    "started", "retry", "connection", "pool", "timeout", "error", "watching", "reconciling", "object", "cart",
    "payment", "checkout",
)  # fmt: skip
# Words that secrets' names are made of, in lines that hold no secret.
SPEAKING = (
    "token expired", "password is required", "secret not found", "key=shop/web-1", 'secret="shop/web-tls"', "pass: 12",
    "secretName: web-tls", "tokens=512", "invalid token: signature is invalid", '"token":null',
)  # fmt: skip


KEYS = (
    "SECRET_?ACCESS_?KEY", "ACCESS_?KEY_?ID", "OWNER_?ACCOUNT",
    *(rf'[^\\"]*{word}[^\\"]*' for word in ("password", "token", "database", "user")),
)  # fmt: skip
FIELDS = ("Data Source", "location", "User ID", "password", "Server", "Database", "Uid", "Pwd")
PATTERNS = (
    *(rf'(?i)\\"name\\":\\"{key}\\",\\"value\\":\\"[^\\"]*\\"' for key in KEYS),
    r"\b[a-z]+://[^:/]+:[^@/]+@[^:/\s]+",
    r"[^:\s]+:[^:\s]+@tcp\([^)]+\)/\w+",
    r"\b\w+://[^:]+:[^@]+@[^:/]+:\d+/\w+",
    *(rf"(?i){field} *= *[^;\n]+;" for field in FIELDS),
    *(rf'(?i)"name": *"{key}"' for key in KEYS),
    r'(?i)"entity": *"(?:osd|client|mgr)',
)
"""As many as troubleshoot applies to every file, and of the same kind."""


def log_line(number: int, chance: random.Random, said: str) -> str:
    """One of five dresses."""
    at = f"2026-11-22T14:{number // 60 % 60:02d}:{number % 60:02d}.{chance.randrange(10**9):09d}Z"
    match number % 5:
        case 0:
            trace = f"{chance.getrandbits(128):032x}"
            return f'{{"ts":"{at}","level":"info","msg":"{said}","traceID":"{trace}","status":200,"ms":{number % 500}}}'
        case 1:
            return f'I1122 14:03:22.{number % 10**6:06d}  1 a.go:{number % 900}] "Synced" obj="web-{number}" {said}'
        case 2:
            agent = '"https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64)"'
            return f'10.0.{number % 250}.7 - - [22/Nov/2026:14:03:22] "GET /cart?id={number} HTTP/1.1" 200 512 {agent}'
        case 3:
            return f'{at} level=info msg="{said}" component=scheduler pod=web-7d9f8b6c5-{number % 99999:05x}'
        case _:
            return f"{at} INFO [main] com.example.Shop - {said} id={chance.getrandbits(64):016x}"


def log(share: float, *, speaking: bool = False) -> bytes:
    """Lines of which a share holds a secret; `speaking` has every line speak of one."""
    chance = random.Random(7)  # noqa: S311
    secrets = [
        sample.text for sample in samples("tokens.txt", "named.txt", "places.txt") if "\n" not in sample.text
    ]
    lines = []
    for number in range(LINES):
        said = chance.choice(SPEAKING) if speaking else " ".join(chance.choices(WORDS, k=8))
        hit = chance.random() < share
        lines.append(chance.choice(secrets) if hit else log_line(number, chance, said))
    return "\n".join((*lines, "")).encode()


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds, the least of several rounds."""
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        least = min(least, time.thread_time() - began)
    return least


def _one_by_one() -> float:
    """MB per core-second of patterns that each go over every line."""
    patterns = [LinearPattern(pattern, within_lines=True) for pattern in PATTERNS]
    data = log(0.01)
    lines = data.splitlines()

    def through() -> None:
        for line in lines:
            for pattern in patterns:
                pattern.search(line, 0, len(line))

    return len(data) / 1e6 / seconds(through)


def main() -> int:
    """Print the figures."""
    redactor = TextRedactor(KeyedRedactor(bytes(32)))
    compiling = time.thread_time()
    redactor.stream()
    figures = [
        Figure("redact: compiling the rules, once, CPU", (time.thread_time() - compiling) * 1000, "ms")
    ]

    def through(data: bytes) -> None:
        stream = redactor.stream()
        for at in range(0, len(data), CHUNK):
            stream.feed(data[at : at + CHUNK])
        stream.finish()

    for name, data, limit in (
        ("no line holds a secret", log(0), None),
        ("one line in a hundred does", log(0.01), 1.0),
        ("one line in ten does", log(0.1), None),
        ("every line speaks of one, none holds one", log(0, speaking=True), None),
    ):
        spent = seconds(lambda data=data: through(data)) * BYTES / len(data)  # type: ignore[misc]
        figures.append(Figure(f"redact: 60 MB, {name}, CPU", spent, "s", limit))
        figures.append(Figure(f"redact: {name}", 60 / spent, "MB/s"))
    figures.append(
        Figure(f"redact: {len(PATTERNS)} patterns one by one, one line in a hundred", _one_by_one(), "MB/s")
    )
    short = "deployment web of shop was scaled from 3 to 5 by alice; token=f00ba4"
    spent = seconds(lambda: [redactor.redact(short) for _ in range(1000)])
    figures.append(Figure("redact: a sentence with a secret, CPU", spent * 1000, "µs"))
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))
    return 0 if all(figure.held for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
