"""The clusters a person can reach by name, as a kubeconfig lists them: what a door shows before it switches.

The file is read behind the port, where it lies; nothing here holds a credential.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from k8sops.core.ops import Ops


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A context by name; what it names is empty where the file leaves it out."""

    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    is_default: bool = False
    """Whether it is the one the door was started with."""


class Contexts(Protocol):
    """Every context, and the service on one of them."""

    async def listed(self) -> tuple[Context, ...]:
        """By name. Raises UsageError where a kubeconfig cannot be read."""
        ...

    async def sign_in(self, name: str) -> None:
        """Run the credential plugin of a context on the terminal, which the caller has freed; `open` uses its answer.

        Raises CredentialsError, and UsageError where there is no plugin.
        """
        ...

    def open(self, name: str) -> AbstractAsyncContextManager[Ops]:
        """The service on a context, until the block ends; empty: the one the door was started with.

        Raises what connecting raises.
        """
        ...
