"""What a form's first field begins with: what stands on the cluster now, where all that is meant agrees.

Pure, from the objects as read. Where they differ the box stays empty, and says what could be typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.text import printable

_LISTS: Final = ("containers", "initContainers")


class AsIs(msgspec.Struct, frozen=True, kw_only=True):
    """A field as it is now."""

    value: str = ""
    replaced: tuple[int, int] = (0, 0)
    """The part of the value that is selected: the next key replaces it."""
    hint: str = ""
    """Where there is no one value: what to know for typing one."""


def replicas_of(objects: Sequence[JsonObject]) -> AsIs:
    """How many replicas each is to have."""
    found = {(one.get("spec") or {}).get("replicas") for one in objects}
    if len(found) != 1 or not isinstance(now := found.pop(), int):
        return AsIs()
    return AsIs(value=str(now), replaced=(0, len(str(now))))


def images_of(objects: Sequence[JsonObject]) -> AsIs:
    """`container=image` of each container, the first one's version selected; the names alone where images differ."""
    found = [dict(_containers(one)) for one in objects]
    if not found or not found[0]:
        return AsIs()
    if all(images == found[0] for images in found):
        entries = [f"{name}={image}" for name, image in found[0].items()]
        # What is no plain word could not be taken as it was typed.
        if all(entry.isprintable() and " " not in entry for entry in entries):
            first = entries[0]
            return AsIs(value=" ".join(entries), replaced=(_version_at(first), len(first)))
    common = [name for name in found[0] if all(name in images for images in found)]
    told = f"all have {', '.join(common)}" if common else "they share no container name"
    return AsIs(hint=printable(told))


READ_FOR: Final[Mapping[str, tuple[str, Callable[[Sequence[JsonObject]], AsIs]]]] = MappingProxyType(
    {"scale": ("replicas", replicas_of), "set-image": ("images", images_of)}
)
"""By action, the field that is read from the cluster, and how."""


def _containers(workload: JsonObject) -> Iterator[tuple[str, str]]:
    spec = ((workload.get("spec") or {}).get("template") or {}).get("spec") or {}
    for kind in _LISTS:
        for one in spec.get(kind) or ():
            yield str(one.get("name", "")), str(one.get("image", ""))


def _version_at(entry: str) -> int:
    """Where tag or digest begins; the end where there is neither."""
    head = entry.partition("@")[0]
    colon = head.rfind(":")
    # One before a slash is a registry's port.
    return colon + 1 if colon > head.rfind("/") else len(head)
