"""What an action needs to be allowed to do on the API server, for one plan: the questions of SubjectAccessReview.

An action declares verbs, with `*` where its params decide the kind; the plan says which kinds, objects and namespaces
those are. Only what the plan really touches is asked about, so that somebody who may change one namespace is not
refused for want of the whole cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from k8sops.core.object_names import namespaces_asked
from k8sops.core.plan import Plan
from k8sops.core.ports import AccessRequest

ANY: Final = "*"
NAMED_VERBS: Final = frozenset({"get", "update", "patch", "delete"})
CLUSTER_SCOPED: Final = frozenset(
    {
        "nodes",
        "namespaces",
        "persistentvolumes",
        "componentstatuses",
        "clusterroles",
        "clusterrolebindings",
        "storageclasses",
        "volumeattachments",
        "csidrivers",
        "csinodes",
        "customresourcedefinitions",
        "apiservices",
        "certificatesigningrequests",
        "priorityclasses",
        "runtimeclasses",
        "ingressclasses",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "flowschemas",
        "prioritylevelconfigurations",
        "subjectaccessreviews",
        "selfsubjectreviews",
        "selfsubjectaccessreviews",
        "tokenreviews",
    }
)
"""Built-in resources without a namespace. Others are told by the plan's objects."""


class NeededVerb(Protocol):
    """A permission as actions declare it; `resource` may be `*`, `pods/eviction` or `*/scale`."""

    @property
    def verb(self) -> str:
        """`get`, `patch`, …"""
        ...

    @property
    def group(self) -> str:
        """The API group; empty for the core group, `*` where params decide."""
        ...

    @property
    def resource(self) -> str:
        """The plural resource, with its subresource."""
        ...

    @property
    def where_planned(self) -> bool:
        """Whether it is needed only for objects that a step of the plan names."""
        ...


def access_needed(verbs: Iterable[NeededVerb], plan: Plan) -> tuple[AccessRequest, ...]:
    """The questions, each once, in the order of the verbs."""
    return tuple(dict.fromkeys(request for verb in verbs for request in _requests(verb, plan)))


def _requests(verb: NeededVerb, plan: Plan) -> Iterator[AccessRequest]:
    resource, _, subresource = verb.resource.partition("/")
    found = [step.target for step in plan.steps if _is_of(step.target.kind, verb.group, resource)]
    for target in found:
        kind, _, group = target.kind.partition(".")
        yield AccessRequest(
            verb=verb.verb,
            resource=kind,
            group=group,
            subresource=subresource,
            namespace=target.namespace,
            name=target.name if verb.verb in NAMED_VERBS else "",
        )
    if found or resource == ANY or verb.where_planned:
        return
    for namespace in [""] if resource in CLUSTER_SCOPED else _namespaces(plan):
        yield AccessRequest(
            verb=verb.verb, resource=resource, group=verb.group, subresource=subresource, namespace=namespace
        )


def _is_of(kind: str, group: str, resource: str) -> bool:
    plural, _, found = kind.partition(".")
    return resource in {ANY, plural} and group in {ANY, found}


def _namespaces(plan: Plan) -> list[str]:
    """The namespaces touched; all (an empty name) where the plan does not tell."""
    told = plan.blast_radius.get("namespaces")
    if isinstance(told, list | tuple) and told:
        return sorted(str(name) for name in told)
    found = sorted({step.target.namespace for step in plan.steps if step.target.namespace})
    if not plan.steps and not plan.attachments and (asked := namespaces_asked(plan.params)):
        return sorted(asked)
    return [""] if plan.attachments or not found else found
