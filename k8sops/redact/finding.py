"""What the scan has found: where it lies, and what of the lines after it belongs to it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from k8sops.redact.values import Value


class Hit(NamedTuple):
    """A secret in a text: what is replaced, what is digested, and quotes where the place needs a string."""

    kind: str
    start: int
    end: int
    secret: bytes
    quote: bytes = b""


class Following(Protocol):
    """What is expected of the lines after one; asked with each of them until it says that it is over."""

    def hits(self, line: bytes) -> list[Hit] | None:
        """The secrets of a line that is part of it, at places in that line; None where the line is none of it."""
        ...

    @property
    def once(self) -> bool:
        """Whether it is over after the next line."""
        ...


class Looked(NamedTuple):
    """What stands at a place that looked like a secret, and what the following lines hold."""

    hits: tuple[Hit, ...] = ()
    following: Following | None = None


NOTHING = Looked()


def hit(kind: str, data: bytes, value: Value, secret: bytes) -> Hit:
    """A hit on a value that stands as it is."""
    return Hit(kind, value.start, value.end, secret)
