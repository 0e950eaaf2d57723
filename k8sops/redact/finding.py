"""What a look at a place in a text answers: where secrets lie, and what of the next lines belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from k8sops.redact.values import Value, plain

# What says on one line that an object is a Secret: its kind, its list's, its type.
_SECRET: Final = (
    b'"Secret"',
    b'Secret\\"',
    b'"SecretList',
    b'"Opaque',
    b'"type":"kubernetes.io/',
    b'"type": "kubernetes.io/',
)


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
            self._of_secret = any(self.data.find(sign, self.start, self.end) >= 0 for sign in _SECRET)
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


class Told(NamedTuple):
    """What a `kind:` says of the object at its depth: a Secret, a list of such, or neither."""

    depth: int
    secret: bool = False
    secrets: bool = False


class Looked(NamedTuple):
    """What stands at a place, what is expected below, and what was told of an object."""

    hits: tuple[Hit, ...] = ()
    following: Following | None = None
    told: Told | None = None


NOTHING: Final = Looked()


def one(kind: str, place: Place, start: int, end: int) -> Looked:
    """One secret, which stands as it is."""
    return Looked((Hit(kind, start, end, place.data[start:end]),))


def meant(place: Place, value: Value) -> bytes:
    """A value without the escapes it is written with."""
    return plain(place.data[value.start : value.end], value.quote)
