"""What a look at a place in a text answers: where secrets lie, and what of the next lines belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from k8sops.redact.values import Value, plain


class Hit(NamedTuple):
    """A secret in a text: what is replaced, what is digested, and quotes where the place needs a string."""

    kind: str
    start: int
    end: int
    secret: bytes
    quote: bytes = b""


class Following(Protocol):
    """What is expected of the lines after one; asked with each of them until it is over."""

    @property
    def once(self) -> bool:
        """Whether it is over after the next line."""
        ...

    def hits(self, line: bytes) -> list[Hit] | None:
        """The secrets of a line that is part of it, at places in that line; None where the line is none of it."""
        ...


@dataclass(slots=True)
class Line:
    """The line that a place is on; looked through as a whole once at most."""

    data: bytes
    start: int
    end: int
    _of_secret: bool | None = None

    @property
    def of_secret(self) -> bool:
        """Whether an object of kind Secret is written on it."""
        if self._of_secret is None:
            self._of_secret = self.data.find(b'Secret\\"', self.start, self.end) >= 0 or (
                self.data.find(b'"Secret"', self.start, self.end) >= 0
            )
        return self._of_secret


class Place(NamedTuple):
    """A place that looks like a secret's, from `at` to `end`. What stands before `floor` is written already."""

    data: bytes
    at: int
    end: int
    floor: int
    line: Line

    @property
    def head(self) -> bytes:
        """What was found there."""
        return self.data[self.at : self.end]


class Looked(NamedTuple):
    """What stands at a place; `secret_at` is the depth of an object that is said to be a Secret, -1 of another."""

    hits: tuple[Hit, ...] = ()
    following: Following | None = None
    secret_at: int | None = None


NOTHING: Final = Looked()


def one(kind: str, place: Place, start: int, end: int) -> Looked:
    """One secret, which stands as it is."""
    return Looked((Hit(kind, start, end, place.data[start:end]),))


def meant(place: Place, value: Value) -> bytes:
    """A value without the escapes it is written with."""
    return plain(place.data[value.start : value.end], value.quote)
