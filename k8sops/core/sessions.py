"""Sessions: a shell, what a container says and hears, a debug container, a forwarded port, a copy. No plan, no run.

Nobody can say beforehand what a session will do, so there is nothing to plan or approve: policy and read-only mode
are asked whether it may be, and it is on record before it begins and when it has ended (DESIGN §8).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from k8sops.core.actor import Actor

SessionKind = Literal["exec", "attach", "debug", "port_forward", "copy"]
Direction = Literal["from", "to"]

WORDS: Final[dict[SessionKind, str]] = {
    "exec": "a shell in",
    "attach": "attaching to",
    "debug": "a debug container in",
    "port_forward": "forwarding a port of",
    "copy": "copying files of",
}
SESSION_ACTIONS: Final = tuple(f"session.{kind}" for kind in WORDS)
"""What policy and grants call them."""


class SessionWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of session, with which pod."""

    kind: SessionKind
    namespace: str
    name: str
    of: str = "pods"
    """The kind of object that is named; a port is forwarded to a ready pod of any that selects pods."""
    container: str = ""
    """Empty: the pod's default one."""
    command: tuple[str, ...] = ()
    """For `exec`; empty: a shell, bash where there is one."""
    image: str = ""
    """For `debug`; empty: the configured one."""
    port: int = 0
    local_port: int = 0
    """For `port_forward`; 0: a free one."""
    path: str = ""
    local: Path = Path()
    direction: Direction = "from"
    """For `copy`: from the pod's `path` into the folder `local`, or from `local` into the pod's folder `path`."""

    @property
    def said(self) -> str:
        """`a shell in shop/web-1`, in sentences."""
        where = (
            f"{self.namespace}/{self.name}"
            if self.of == "pods"
            else f"{self.namespace}/{self.of}/{self.name}"
        )
        return f"{WORDS[self.kind]} {where}"


REASON: Final = "reason"
YES: Final = "yes"
"""Hints of a ConfirmationError: what is still wanted; any other is the cluster's name, to be typed."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What policy may want of whoever begins a session."""

    reason: str = ""
    typed_name: str = ""
    """The cluster's name, typed."""
    confirmed: bool = False
    """Whether somebody was asked and said yes."""


class Terminal(Protocol):
    """The far end of a terminal session."""

    @property
    def hears(self) -> bool:
        """Whether what is typed reaches it."""
        ...

    @property
    def is_terminal(self) -> bool:
        """Whether the far end is one itself: it echoes keys, edits lines and ends them as terminals do."""
        ...

    @property
    def container(self) -> str:
        """Which container it is in."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Once the output has ended; None where nobody knows."""
        ...

    def output(self) -> AsyncGenerator[bytes, None]:
        """What the far end writes, until it ends. Raises ClusterError, UnreachableError."""
        ...

    async def send(self, data: bytes) -> None:
        """What is typed."""
        ...

    async def resize(self, columns: int, rows: int) -> None:
        """The size of the terminal here."""
        ...


class Forwarding(Protocol):
    """A local port that leads to a port of a pod until it is stopped."""

    @property
    def id(self) -> str:
        """The session's."""
        ...

    @property
    def wanted(self) -> SessionWanted:
        """As it was asked for."""
        ...

    @property
    def local_port(self) -> int:
        """On the loopback interface."""
        ...

    @property
    def pod(self) -> str:
        """The pod it leads to now."""
        ...

    @property
    def since(self) -> datetime:
        """When it began."""
        ...

    @property
    def connections(self) -> int:
        """How many were made through it so far."""
        ...

    @property
    def trouble(self) -> str:
        """Why the last connection came to nothing, a sentence; empty while all is well."""
        ...


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied."""

    files: int
    bytes: int
    where: str


class Sessions(Protocol):
    """What a door can begin. All raise DeniedError, ConfirmationError where policy wants more consent, and StoreError
    where it cannot be put on record: then nothing is begun.
    """

    def terminal(
        self, wanted: SessionWanted, actor: Actor, consent: Consent
    ) -> AbstractAsyncContextManager[Terminal]:
        """A shell, an attachment or a debug container; leaving the context ends it."""
        ...

    async def forward(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Forwarding:
        """Listen on a local port. It survives the pod being replaced. Raises UsageError where the port is taken."""
        ...

    @property
    def forwardings(self) -> tuple[Forwarding, ...]:
        """Those of this process, in the order they were begun."""
        ...

    async def stop(self, forwarding: str) -> None:
        """End one, by its id. Idempotent."""
        ...

    async def copy(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Copied:
        """Copy files, by `tar` in the container. Raises UsageError where either side cannot be read or written."""
        ...

    async def ports(self, wanted: SessionWanted) -> tuple[int, ...]:
        """The ports that the pod's containers say they serve."""
        ...

    async def containers(self, wanted: SessionWanted) -> tuple[str, ...]:
        """The pod's running containers, the default one first."""
        ...
