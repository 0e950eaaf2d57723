"""Whether what is made fits into ResourceQuotas together: a dry run asks for one object at a time and adds nothing up.

Counted are objects of every kind that a quota counts, node ports and load balancers of Services, storage that claims
ask for, and what pods ask for that are made directly. Not counted: quotas with scopes, and pods that controllers make
later; these are refused when they are made. Source: Kubernetes, Resource Quotas.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from k8sops.actions.backups.restoring.groups import Group
from k8sops.actions.backups.restoring.preparing import CLAIMS
from k8sops.core.errors import ForbiddenError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.forecast.objects import Pod
from k8sops.forecast.quantities import amount, in_words
from k8sops.forecast.requests import requests_of

QUOTAS: Final = "resourcequotas"
FEW_NAMESPACES: Final = 16
_BARE: Final = frozenset(
    {
        "configmaps",
        CLAIMS,
        "pods",
        "replicationcontrollers",
        QUOTAS,
        "secrets",
        "services",
    }
)
"""Kinds that a quota may also count by their bare name."""
_COMPUTE: Final = frozenset({"cpu", "memory", "ephemeral-storage"})


class Beyond(msgspec.Struct, frozen=True):
    """A quota that takes less than is to be made."""

    namespace: str
    quota: str
    resource: str
    asked: int
    left: int

    @property
    def text(self) -> str:
        """In a clause."""
        unit = _unit(self.resource)
        asked, left = (in_words(unit, value) for value in (self.asked, max(0, self.left)))
        return f"{self.namespace}/{self.quota} has {left} of {self.resource} left, {asked} would be asked for"


class Asked:
    """What a restore would ask of quotas, by namespace."""

    def __init__(self) -> None:
        self._asked: Final[defaultdict[str, Counter[str]]] = defaultdict(Counter)

    def add(self, group: Group, namespace: str, wanted: JsonObject) -> None:
        """One more object that is to be made."""
        if namespace:
            self._asked[namespace].update(asked_by(group.qualified, wanted))

    async def beyond(self, cluster: ClusterReader, gone: set[str]) -> list[Beyond]:
        """What does not fit, of the namespaces that are there. Raises ForbiddenError where quotas may not be read."""
        spaces = sorted(self._asked.keys() - gone)
        if not spaces:
            return []
        resource = await cluster.resource(QUOTAS)
        found: list[Beyond] = []
        for namespace in spaces if len(spaces) <= FEW_NAMESPACES else [""]:
            async for quota in cluster.list(resource, namespace):
                found += over(quota, self._asked.get(quota["metadata"]["namespace"], Counter()))
        return sorted(found, key=lambda one: (one.namespace, one.quota, one.resource))


async def quotas_beyond(asked: Asked, cluster: ClusterReader, gone: set[str]) -> tuple[list[Beyond], bool]:
    """What does not fit, and whether that is known at all."""
    try:
        return await asked.beyond(cluster, gone), True
    except ForbiddenError:
        return [], False


def asked_by(kind: str, wanted: JsonObject) -> Counter[str]:
    """What one object asks of a quota, by the names that a quota has for it."""
    asked: Counter[str] = Counter({f"count/{kind}": 1})
    if kind in _BARE:
        asked[kind] += 1
    spec: dict[str, Any] = wanted.get("spec") or {}
    try:
        if kind == "services":
            asked.update(_of_service(spec))
        elif kind == CLAIMS:
            asked.update(_of_claim(spec))
        elif kind == "pods":
            asked.update(_of_pod(wanted, spec))
    except (UsageError, msgspec.ValidationError):
        # The server tells of a quantity that is none; here it only counts.
        return asked
    return asked


def over(quota: JsonObject, asked: Mapping[str, int]) -> Iterator[Beyond]:
    """Where a quota has less left than is asked for; nothing where it has scopes."""
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    if spec.get("scopes") or spec.get("scopeSelector"):
        return
    used = status.get("used") or {}
    for resource, most in (status.get("hard") or spec.get("hard") or {}).items():
        wanted = asked.get(f"requests.{resource}" if resource in _COMPUTE else resource, 0)
        unit = _unit(resource)
        left = amount(unit, str(most)) - amount(unit, str(used.get(resource, "0")))
        if wanted > left and wanted:
            yield Beyond(quota["metadata"]["namespace"], quota["metadata"]["name"], resource, wanted, left)


def _unit(resource: str) -> str:
    """The resource whose unit a quota's is: `limits.cpu` is counted as `cpu`, storage as memory is."""
    bare = resource.removeprefix("requests.").removeprefix("limits.")
    return "memory" if bare.endswith("storage") else bare


def _of_service(spec: dict[str, Any]) -> Counter[str]:
    of_type = spec.get("type")
    balanced = of_type == "LoadBalancer"
    ports = of_type == "NodePort" or (balanced and spec.get("allocateLoadBalancerNodePorts") is not False)
    return Counter(
        {
            "services.loadbalancers": int(balanced),
            "services.nodeports": len(spec.get("ports") or ()) if ports else 0,
        }
    )


def _of_claim(spec: dict[str, Any]) -> Counter[str]:
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    asked = amount("memory", str(storage)) if storage else 0
    found = Counter({"requests.storage": asked})
    if of_class := spec.get("storageClassName"):
        prefix = f"{of_class}.storageclass.storage.k8s.io"
        found.update({f"{prefix}/requests.storage": asked, f"{prefix}/persistentvolumeclaims": 1})
    return found


def _of_pod(wanted: JsonObject, spec: dict[str, Any]) -> Counter[str]:
    pod = msgspec.convert({**wanted, "status": {}}, Pod, strict=False)
    found = Counter({f"requests.{name}": value for name, value in requests_of(pod).items()})
    for container in spec.get("containers") or ():
        limits = (container.get("resources") or {}).get("limits") or {}
        found.update({f"limits.{name}": amount(_unit(name), str(value)) for name, value in limits.items()})
    return found
