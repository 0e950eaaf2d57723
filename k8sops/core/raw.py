"""Objects as a server sent them, for whoever keeps or compares bytes; and what a command in a container came to."""

from __future__ import annotations

import msgspec


class RawObject(msgspec.Struct, frozen=True, gc=False):
    """An object as the server sent it, with `apiVersion` and `kind`, and what tells it from others.

    Of a page, `data` is without `managedFields`; of a page of metadata, it is the PartialObjectMetadata.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    labels: dict[str, str]
    data: bytes


class RawPage(msgspec.Struct, frozen=True):
    """A page of one list: the state it shows, and how many objects are to come (-1 where the server does not say)."""

    objects: list[RawObject]
    resource_version: str
    restarted: bool = False
    """The list had to begin anew: pages of it before this one are void."""
    remaining: int = -1
    read_bytes: int = 0


class RawChange(msgspec.Struct, frozen=True, gc=False):
    """An object that was made, changed or (then as it last was) deleted."""

    object: RawObject
    gone: bool = False


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """A command that ended in a container; output is text, cut where there is very much of it."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
