"""Examine configuration and access, one plain sentence each, stopping where nothing further can be known.

Only reads. What one lacks for an action is a warning: the API server decides at the time of the change.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Literal

import msgspec

from k8sops.actions.registry import ACTIONS, ActionSpec, Verb
from k8sops.core.clock import SystemClock
from k8sops.core.errors import ExitCode, K8sOpsError
from k8sops.core.ports import AccessRequest, ClusterReader
from k8sops.service.config import Config, config_path

PROBE_RESOURCES: Mapping[str, tuple[str, str]] = {
    "*": ("apps", "deployments"),
    "*/scale": ("apps", "deployments/scale"),
}
"""What stands for `any kind` when asking whether an action may be used at all."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: what is true, and what to do where it is not well."""

    level: Literal["ok", "warning", "failure"]
    subject: str
    text: str
    hint: str = ""
    exit_code: int = ExitCode.DONE


async def examine(config: Config) -> AsyncGenerator[Check, None]:
    """Yield checks as they are made; a failure ends them, because what follows depends on it."""
    from k8sops.cluster.connect import connect
    from k8sops.service.backup_doctor import backup_checks
    from k8sops.service.policies import policy_of
    from k8sops.service.policy_doctor import policy_checks
    from k8sops.service.redaction_doctor import redaction_checks
    from k8sops.service.trust_doctor import trust_checks

    yield _configuration()
    for check in policy_checks(config):
        yield check
    for check in await asyncio.to_thread(lambda: [*redaction_checks(config)]):
        yield check
    clock = SystemClock()
    async for check in backup_checks(config, clock):
        yield check
    started = clock.monotonic()
    try:
        cluster = await connect(
            context=config.context or None,
            kubeconfig=config.kubeconfig or None,
            impersonate=config.impersonation(),
            clock=clock,
            cluster_names=config.cluster_names(),
        )
    except K8sOpsError as error:
        yield _failure("cluster", error)
        return
    try:
        waited = clock.monotonic() - started
        yield Check(
            level="ok",
            subject="cluster",
            text=f"{cluster.info.server} answers ({await cluster.server_version()}, connected in {waited:.1f} s); "
            f"context {cluster.info.context}, environment {cluster.info.environment}",
        )
        for note in cluster.transport.credentials.notes:
            yield Check(level="warning", subject="credentials", text=note)
        async for check in _access(cluster, config.namespace or cluster.default_namespace):
            yield check
        policy, username = policy_of(config), (await cluster.whoami()).username
        for check in await asyncio.to_thread(lambda: [*trust_checks(config, policy, cluster, username)]):
            yield check
    except K8sOpsError as error:
        yield _failure("access", error)
    finally:
        await cluster.aclose()


def _configuration() -> Check:
    path = config_path(os.environ)
    if path.exists():
        return Check(level="ok", subject="configuration", text=f"{path} is valid")
    return Check(level="ok", subject="configuration", text=f"there is none at {path}; the defaults hold")


def _failure(subject: str, error: K8sOpsError) -> Check:
    return Check(
        level="failure", subject=subject, text=error.message, hint=error.hint, exit_code=error.exit_code
    )


async def _access(cluster: ClusterReader, namespace: str) -> AsyncGenerator[Check, None]:
    identity = await cluster.whoami()
    groups = f", in {', '.join(identity.groups)}" if identity.groups else ""
    yield Check(level="ok", subject="identity", text=f"the cluster knows you as {identity.username}{groups}")
    gaps = await cluster.discovery_gaps()
    for gap in gaps:
        yield Check(
            level="warning",
            subject="discovery",
            text=f"{gap.group_version} cannot be discovered: {gap.message}",
            hint="its kinds are unknown here until the service behind it answers",
        )
    if not gaps:
        yield Check(
            level="ok", subject="discovery", text=f"{len(await cluster.resources())} resources, no gaps"
        )
    for spec in (one for one in ACTIONS if one.verbs):
        yield await _may_use(spec, cluster, namespace)


async def _may_use(spec: ActionSpec, cluster: ClusterReader, namespace: str) -> Check:
    refused = [verb for verb in spec.verbs if not await _allowed(verb, cluster, namespace)]
    if not refused:
        return Check(
            level="ok", subject=spec.typed, text=f"you may {spec.typed} (asked for namespace {namespace})"
        )
    lacking = ", ".join(f"{verb.verb} {_concrete(verb)[1]}" for verb in refused)
    return Check(
        level="warning",
        subject=spec.typed,
        text=f"you may not {spec.typed} in namespace {namespace}: it needs {lacking}",
        hint="ask who administers RBAC here for a role with these verbs",
    )


async def _allowed(verb: Verb, cluster: ClusterReader, namespace: str) -> bool:
    group, resource = _concrete(verb)
    plural, _, subresource = resource.partition("/")
    request = AccessRequest(
        verb=verb.verb,
        group=group,
        resource=plural,
        subresource=subresource,
        namespace="" if plural == "nodes" else namespace,
    )
    return (await cluster.can_i(request)).allowed


def _concrete(verb: Verb) -> tuple[str, str]:
    return PROBE_RESOURCES.get(verb.resource, (verb.group, verb.resource))
