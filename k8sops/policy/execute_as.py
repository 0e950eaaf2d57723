"""As whom a run is carried out: `person:NAME` or `service:NAME`, resolved in the carrier's own policy file.

A run records the text, which is part of the digest people sign; what it means (user and groups) never comes from the
store. A service fits a plan only by its action, cluster and namespaces, so that a signed plan for one thing cannot
borrow the identity meant for another.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.actor import Identity
from k8sops.core.persons import Person
from k8sops.policy.facts import Facts
from k8sops.policy.matching import fits
from k8sops.policy.model import KubernetesIdentity, ServiceIdentity
from k8sops.policy.policy import Policy

PERSON: Final = "person:"
SERVICE: Final = "service:"


def execute_as_of(policy: Policy, facts: Facts) -> str:
    """What a new run records: the service its action is for, else the person who asks; empty where neither is known.

    An empty one is carried by whoever asked, with their own credentials, in their own process.
    """
    for service in policy.file.execute_as.services:
        if not service_refused(service, facts):
            return f"{SERVICE}{service.name}"
    person: Person = facts.request.person
    return f"{PERSON}{person.name}" if person.mapped else ""


def carried_as(policy: Policy, execute_as: str, facts: Facts) -> Identity | str:
    """Whom a carrier impersonates for this plan, or a sentence why it must not.

    A carrier that is the person itself needs none of this.
    """
    if execute_as.startswith(PERSON):
        name = execute_as.removeprefix(PERSON)
        found = policy.file.execute_as.people.get(name)
        if found is None:
            return f"the policy names nobody to impersonate for {name}; they carry the run themselves"
        return _identity(found)
    name = execute_as.removeprefix(SERVICE)
    for service in policy.file.execute_as.services:
        if execute_as == f"{SERVICE}{service.name}":
            return service_refused(service, facts) or _identity(service)
    return (
        f"the policy has no service identity {name!r}" if name else "the run does not say as whom it is done"
    )


def service_refused(service: ServiceIdentity, facts: Facts) -> str:
    """Why this plan is not what the service identity is for; empty where it is."""
    if not fits(service.actions, facts.action_names):
        return f"the service identity {service.name} is not for {facts.plan.action}"
    if service.clusters and not fits(service.clusters, facts.cluster_names):
        return f"the service identity {service.name} is not for cluster {facts.cluster_shown}"
    if not service.namespaces:
        return ""
    if facts.untold or any(not one.namespace for one in facts.objects):
        return f"the service identity {service.name} is for certain namespaces, and the plan goes beyond them"
    outside = sorted(name for name in facts.namespaces if not fits(service.namespaces, (name,)))
    return f"the service identity {service.name} is not for namespace {outside[0]}" if outside else ""


def _identity(found: KubernetesIdentity) -> Identity:
    return Identity(username=found.user, groups=found.groups)
