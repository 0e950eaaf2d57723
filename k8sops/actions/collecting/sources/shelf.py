"""Objects on their way into a bundle: each written once, as YAML and, of what runs, in words beside it."""

from __future__ import annotations

from typing import Final

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import Key, meta
from k8sops.actions.collecting.sources.paths import of_object
from k8sops.actions.collecting.sources.plain import plain
from k8sops.actions.collecting.sources.reading import Trouble, absent, put, read
from k8sops.backup.yaml_writing import yaml_text
from k8sops.cluster.paths import collection_path
from k8sops.core.describing import description
from k8sops.core.plan import JsonObject
from k8sops.core.ports import Resource
from k8sops.core.text import printable
from k8sops.redact.masking import masked_values
from k8sops.timeline.objects import moments_of

_REVISIONS: Final = frozenset({"replicasets.apps", "controllerrevisions.apps"})
"""What one changed is told by the source `rollouts`, which has the one before it."""


class Shelf:
    """Remembers what it has been given, so that what is named ten times is read once."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering: Final = gathering
        self._seen: set[Key] = set()

    def is_new(self, resource: Resource, namespace: str, name: str) -> bool:
        """Whether it has not been asked for before; from now on it has."""
        key = (resource.qualified, namespace if resource.namespaced else "", name)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    async def fetch(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """Read an object and put it in; None where it was there before, or cannot be read, which is told."""
        where = namespace if resource.namespaced else ""
        if not self.is_new(resource, where, name):
            return None
        spare = not resource.namespaced or resource.qualified == "secrets"
        found = await read(self._gathering.cluster.get(resource, name, where), spare=spare)
        if isinstance(found, Trouble):
            source = f"{collection_path(resource, where)}/{name}"
            absent(self._gathering, f"{of_object(resource, name, where)}.yaml", source, found)
            return None
        await self._put(resource, found, None)
        return found

    async def add(self, resource: Resource, found: JsonObject, why: str | None = None) -> None:
        """Put an object in; with `why` also in words, which begin with it where there is one."""
        metadata = meta(found)
        if self.is_new(resource, str(metadata.get("namespace") or ""), str(metadata.get("name"))):
            await self._put(resource, found, why)

    async def _put(self, resource: Resource, found: JsonObject, why: str | None) -> None:
        gathering, metadata = self._gathering, meta(found)
        namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name"))
        path, source = of_object(resource, name, namespace), f"{collection_path(resource, namespace)}/{name}"
        shown = plain(found, resource)
        if resource.qualified not in _REVISIONS:
            gathering.moments.extend(moments_of(resource.kind, shown))
        await put(gathering, f"{path}.yaml", source, yaml_text(shown))
        if why is not None:
            await put(gathering, f"{path}.txt", source, in_words(gathering, shown, why))


def in_words(gathering: Gathering, shown: JsonObject, why: str) -> str:
    """The description of an object, and before it why it is not well, if it is not."""
    head = [f"Why              {printable(why)}", ""] if why else []
    return "\n".join([*head, *description(shown, gathering.clock.now(), masked_values), ""])
