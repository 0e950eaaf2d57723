"""What planners and live views need of an object, as slim structs decoded straight from JSON.

A field that is not named here is skipped by the decoder and never becomes a Python object: that, and leaving the
garbage collector out of structs which cannot form cycles, is what makes 10,000 pods cheap. `Obj` serves every kind
that has no struct of its own. Every field has a default, because a server may leave out whatever is empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec


class OwnerReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Who made the object; `controller` marks the one that manages it."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """ObjectMeta without managed fields and annotations."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if it has one."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A condition; `status` is "True", "False" or "Unknown"."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Obj(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Any object, with its identity typed and the rest as plain JSON."""

    api_version: str = ""
    kind: str = ""
    metadata: Meta = Meta()
    spec: Any = None
    status: Any = None


Quantities: TypeAlias = dict[str, str]
"""Resource name to quantity as written, e.g. `{"cpu": "250m"}`."""
