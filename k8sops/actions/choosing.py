"""Which objects are meant: KIND/NAME by name, or a kind with a selector; all of them found, or nothing is done.

kubectl goes on with those it finds and fails at the end; here one missing name refuses the whole request, before any
change, naming every one that is missing.
"""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import model_validator

from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.params import ObjectName, Params, PlainText, option, positional
from k8sops.core.plan import JsonObject, Target
from k8sops.core.ports import ClusterReader, Resource


class ChosenParams(Params):
    """Which objects."""

    targets: tuple[PlainText, ...] = positional(
        "Objects as KIND/NAME, or a kind with --selector.", metavar="KIND/NAME...", default=()
    )
    namespace: ObjectName = option("Where the objects are.", default="default")
    selector: PlainText = option("Objects of the kind by label, as in `app=web`.", short="l", default="")

    @model_validator(mode="after")
    def _some_targets(self) -> ChosenParams:
        if not self.targets:
            raise ValueError("name at least one object as KIND/NAME, or a kind with --selector")
        named = [target for target in self.targets if "/" in target]
        if self.selector and named:
            raise ValueError(f"give {named[0]} by name or kinds with --selector, one of the two")
        if not self.selector and len(named) < len(self.targets):
            bare = next(target for target in self.targets if "/" not in target)
            raise ValueError(f"{bare!r} does not name an object: write KIND/NAME, or add --selector")
        if any(not all(target.split("/", 1)) for target in named):
            raise ValueError("write KIND/NAME, as in deployment/web")
        return self


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """An object as it was read when planning."""

    resource: Resource
    object: JsonObject

    @property
    def target(self) -> Target:
        """What a step names."""
        metadata: dict[str, Any] = self.object["metadata"]
        return Target(
            kind=self.resource.qualified,
            name=str(metadata["name"]),
            namespace=str(metadata.get("namespace", "")),
            uid=str(metadata["uid"]),
        )

    @property
    def argument(self) -> str:
        """KIND/NAME as it would be typed."""
        return f"{self.resource.qualified}/{self.object['metadata']['name']}"

    @property
    def path(self) -> str:
        """The part of a step's id that names it."""
        target = self.target
        place = f"{target.namespace}." if target.namespace else ""
        return f"{target.kind}:{place}{target.name}"


async def chosen(params: ChosenParams, cluster: ClusterReader, doing: str) -> list[Chosen]:
    """Read every object that is meant, in the order named. `doing` is what would be done, as in `labelled`.

    Raises NotFoundError naming all that are missing, UsageError where a selector matches nothing.
    """
    if params.selector:
        return await _selected(params, cluster)
    found: list[Chosen] = []
    missing: list[str] = []
    for text in dict.fromkeys(params.targets):
        kind, name = text.split("/", 1)
        resource = await cluster.resource(kind)
        try:
            one = await cluster.get(resource, name, _place(resource, params.namespace))
        except NotFoundError:
            missing.append(f"{resource.kind.lower()} {name}")
            continue
        found.append(Chosen(resource=resource, object=one))
    if missing:
        raise NotFoundError(
            f"there is no {', '.join(missing)} in {params.namespace}; nothing was {doing}",
            hint=f"`k8sops get KIND -n {params.namespace}` lists what there is",
        )
    return found


async def _selected(params: ChosenParams, cluster: ClusterReader) -> list[Chosen]:
    found = []
    for kind in dict.fromkeys(params.targets):
        resource = await cluster.resource(kind)
        place = _place(resource, params.namespace)
        found += [
            Chosen(resource=resource, object=one)
            async for one in cluster.list(resource, place, label_selector=params.selector)
        ]
    if not found:
        raise UsageError(
            f"no {' or '.join(params.targets)} in {params.namespace} matches the selector {params.selector!r}",
            hint="`k8sops get KIND -l SELECTOR` shows what a selector matches",
        )
    return sorted(found, key=lambda one: one.target)


def _place(resource: Resource, namespace: str) -> str:
    return namespace if resource.namespaced else ""
