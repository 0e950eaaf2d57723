"""Two threads look at once, each with rules of its own; nobody waits for a sentence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.redact.scanners import MOST, Scanners

LINE = b"level=info password=Zq7vKp2mWx9 user=app\n"


def test_each_stream_has_rules_to_itself_and_no_more_are_made_than_may_be() -> None:
    """They are ten megabytes each, and sharing them costs the time that the second thread was to save."""
    scanners = Scanners()
    with scanners.alone() as one, scanners.alone() as other:
        assert one is not other
        assert scanners.first() in {one, other}, "a sentence waits for neither"
    with ThreadPoolExecutor(8) as threads:
        seen = set(threads.map(lambda _: _borrowed(scanners), range(64)))
    assert seen <= {id(one), id(other)}
    assert MOST == 2


def _borrowed(scanners: Scanners) -> int:
    with scanners.alone() as scanner:
        return id(scanner)


def test_many_threads_with_one_redactor_find_what_one_finds() -> None:
    """Each file of a bundle is its own stream, and its blocks go to whichever thread is free."""
    redactor = TextRedactor(KeyedRedactor(b"k" * 32))
    once = redactor.stream()
    wanted = once.feed(LINE * 50) + once.finish()
    assert b"Zq7vKp2mWx9" not in wanted
    together = Barrier(4)

    def redacted(_: int) -> bytes:
        together.wait()
        stream = redactor.stream()
        return b"".join(stream.feed(LINE) for _ in range(50)) + stream.finish()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(redacted, range(4))) == {wanted}
    assert redactor.redact("password=Zq7vKp2mWx9").startswith("password=redacted:")
