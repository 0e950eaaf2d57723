"""Which actions and sessions would be refused before any plan: nothing may be changed, or RBAC or policy forbid it.

What depends on the plan is told with it. What cannot be asked is no refusal: the plan says it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from k8sops.actions.declared.spec import ActionSpec
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.ports import AccessRequest, ClusterReader, Resource
from k8sops.service.config import Config
from k8sops.service.offering_policy import Meant, policy_refusals
from k8sops.service.session_specs import asked_spec

READS: Final = frozenset({"get", "list", "watch"})
READ_ONLY: Final = "this is read-only"


class AskedPolicy(NamedTuple):
    """What policy is asked with: the objects by name, and who asks."""

    config: Config
    clock: Clock
    names: tuple[str, ...]
    actor: Actor


async def refusals(
    cluster: ClusterReader,
    kind: str,
    namespace: str,
    actions: Sequence[str],
    *,
    read_only: bool,
    policy: AskedPolicy | None = None,
) -> dict[str, str]:
    """Why each of these actions would be refused on objects of a kind; those that are not named may be tried."""
    if read_only:
        return dict.fromkeys(actions, READ_ONLY)
    resource = await cluster.resource(kind)
    wanted = {name: tuple(_requests(asked_spec(name), resource, namespace)) for name in actions}
    asked = list(dict.fromkeys(request for several in wanted.values() for request in several))
    answers = dict(zip(asked, await asyncio.gather(*(_may(cluster, one) for one in asked)), strict=True))
    by_rbac = {
        name: f"RBAC: you may not {_words(lacking)}"
        for name, several in wanted.items()
        if (lacking := [request for request in several if not answers[request]])
    }
    if policy is None:
        return by_rbac
    return by_rbac | await asyncio.to_thread(_by_policy, policy, cluster, resource, namespace, actions)


def _by_policy(
    policy: AskedPolicy, cluster: ClusterReader, resource: Resource, namespace: str, actions: Sequence[str]
) -> dict[str, str]:
    meant = Meant(
        kind=resource.plural,
        namespace=namespace if resource.namespaced else "",
        names=policy.names,
        actor=policy.actor,
    )
    try:
        return policy_refusals(policy.config, cluster.info, meant, actions, policy.clock)
    except K8sOpsError:
        # A policy that cannot be read refuses the plan, in its own words.
        return {}


async def _may(cluster: ClusterReader, request: AccessRequest) -> bool:
    try:
        return (await cluster.can_i(request)).allowed
    except K8sOpsError:
        return True


def _requests(spec: ActionSpec, resource: Resource, namespace: str) -> Iterable[AccessRequest]:
    """The changes that any plan of the action makes; what is asked of `*` is asked of this kind."""
    for verb in spec.verbs:
        if verb.verb in READS or verb.where_planned:
            continue
        group, name = (
            (resource.group, resource.plural) if verb.resource == "*" else (verb.group, verb.resource)
        )
        plural, _, subresource = name.partition("/")
        if plural == "*":
            plural, group = resource.plural, resource.group
        yield AccessRequest(
            verb=verb.verb,
            group=group,
            resource=plural,
            subresource=subresource,
            namespace=namespace if resource.namespaced or plural == "pods" else "",
        )


def _words(lacking: Sequence[AccessRequest]) -> str:
    return " and ".join(
        f"{one.verb} {one.resource}{f'/{one.subresource}' if one.subresource else ''}"
        + (f" in {one.namespace}" if one.namespace else "")
        for one in lacking[:2]
    )
