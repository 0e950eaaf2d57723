"""Which pods and containers a selection means at this moment, asked once: for a bundle, a timeline, a plan."""

from __future__ import annotations

from typing import NamedTuple

from k8sops.cluster.client_base import PODS
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError
from k8sops.core.log_selection import LogSelection
from k8sops.core.plan import JsonObject
from k8sops.logs.choosing import Chooser, FoundContainer
from k8sops.logs.targets import PodReader, Target, is_of_cronjob, job_of, targets_of


class FoundPod(NamedTuple):
    """A pod, whole, and those of its containers that are meant."""

    pod: JsonObject
    containers: tuple[FoundContainer, ...]


class Found(NamedTuple):
    """What a selection means."""

    pods: tuple[FoundPod, ...]
    """By namespace and name; none without a container that is meant."""
    errors: tuple[str, ...]
    """What could not be read, a sentence each."""

    @property
    def objects(self) -> tuple[JsonObject, ...]:
        """The pods, whole."""
        return tuple(one.pod for one in self.pods)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where they are."""
        return tuple(dict.fromkeys(one.pod["metadata"]["namespace"] for one in self.pods))


async def find(cluster: PodReader, selection: LogSelection) -> Found:
    """The pods of a selection.

    Raises UsageError for what is no pattern, or selects no pods; NotFoundError, ForbiddenError where nothing of what
    was named can be read.
    """
    chooser = Chooser(selection)
    targets = await targets_of(cluster, selection)
    found: dict[str, FoundPod] = {}
    failed: list[K8sOpsError] = []
    for target in targets.found:
        try:
            pods = await listed(cluster, target)
        except (ForbiddenError, NotFoundError) as error:
            failed.append(error)
            continue
        for pod in pods:
            if chooser.takes(pod) and (containers := chooser.containers(pod)):
                found[pod["metadata"]["uid"]] = FoundPod(pod, tuple(containers))
    if len(failed) == len(targets.found) and failed:
        raise failed[0]
    order = sorted(
        found.values(), key=lambda one: (one.pod["metadata"]["namespace"], one.pod["metadata"]["name"])
    )
    return Found(tuple(order), (*targets.errors, *(error.message for error in failed)))


async def listed(cluster: PodReader, target: Target) -> list[JsonObject]:
    """The pods of a target as they are now. Raises NotFoundError where the one that was named is not there."""
    jobs: set[str] = set()
    if target.cronjob:
        of_all = cluster.list(await cluster.resource("jobs.batch"), target.namespace)
        jobs = {job["metadata"]["uid"] async for job in of_all if is_of_cronjob(job, target.cronjob)}
    try:
        pods = [
            pod
            async for pod in cluster.list(
                PODS, target.namespace, label_selector=target.labels, field_selector=target.fields
            )
        ]
    except ForbiddenError:
        if not (target.pod and target.namespace):
            raise
        # Who may read one pod need not be allowed to list them.
        pods = [await cluster.get(PODS, target.pod, target.namespace)]
    if target.pod and not pods:
        raise NotFoundError(f"pod {target.namespace}/{target.pod} does not exist".replace(" /", " "))
    return [pod for pod in pods if job_of(pod) in jobs] if target.cronjob else pods
