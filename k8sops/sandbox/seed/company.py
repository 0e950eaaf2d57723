"""Apply the company, phase by phase, so that every object finds what it refers to.

The two Deployments of `before.yaml` are the delicate part: their older release has to be available before the newer
one replaces it, or there would be no revision to go back to. On a cluster that already has the newer one nothing goes
back and forth.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import msgspec

from k8sops.core.clock import Clock, parse_rfc3339
from k8sops.core.errors import K8sOpsError, SandboxError, WaitError
from k8sops.sandbox.seed.api import JsonObject, RefusedError, SeedApi, conditions_of
from k8sops.sandbox.seed.manifests import (
    PART_OF,
    Manifest,
    Phase,
    collection_path,
    load_before,
    load_company,
    phase_of,
)
from k8sops.sandbox.seed.releases import Revision

SETTLE_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.25
FEWEST_NODES: Final = 3

Lacks = Callable[[Manifest], Awaitable[bool]]


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What is now as the company wants it."""

    counts: dict[str, int]
    created: int


class CompanyWriter:
    """Applies manifests and keeps the score, so that a failure can say what was done and what was not."""

    def __init__(self, api: SeedApi, clock: Clock, progress: Callable[[str], None]) -> None:
        self._api = api
        self._clock = clock
        self._progress = progress
        self._done: Counter[str] = Counter()
        self._created = 0

    async def run(self) -> Applied:
        """Apply everything; returns once the last object is written, before its pods run.

        Raises SandboxError naming the objects that failed, and WaitError where an older release never came up.
        """
        company, before = load_company(), load_before()
        await self._need_nodes()
        replaced = frozenset(manifest.title for manifest in before)
        phases: dict[Phase, list[Manifest]] = {phase: [] for phase in Phase}
        for manifest in company:
            phases[phase_of(manifest, replaced)].append(manifest)
        finals = {manifest.title: manifest for manifest in company}
        older: list[Manifest] = []
        to_go = len(company)
        for phase, manifests in phases.items():
            to_go -= len(manifests)
            if phase is Phase.WORKLOADS:
                older = [one for one in before if not await self._is_released(finals[one.title])]
                await self._apply_all(older, to_go + len(manifests), count=False)
            if phase is Phase.LAST:
                await self._wait("the older releases to be available", older, self._lacks_pods)
            await self._apply_all(manifests, to_go)
            if phase is Phase.FOUNDATION:
                kinds = [one for one in manifests if one.kind == "CustomResourceDefinition"]
                await self._wait("the custom kinds to be served", kinds, self._is_not_established)
        return Applied(counts=dict(sorted(self._done.items())), created=self._created)

    async def _need_nodes(self) -> None:
        usable = 0
        async for node in self._api.items(collection_path("Node")):
            usable += conditions_of(node).get("Ready", ("", ""))[0] == "True"
        if usable < FEWEST_NODES:
            raise SandboxError(
                f"the company needs {FEWEST_NODES} ready nodes for its databases, this sandbox has {usable}",
                hint="take it down and start it with `k8sops sandbox up --nodes 5`",
            )

    async def _apply_all(self, manifests: Iterable[Manifest], to_go: int, *, count: bool = True) -> None:
        batch = list(manifests)
        if not batch:
            return
        outcomes = await asyncio.gather(*(self._apply(one) for one in batch), return_exceptions=True)
        failures: list[str] = []
        for manifest, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, K8sOpsError):
                failures.append(f"{manifest.title} ({manifest.source}): {outcome.message}")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                self._created += outcome
                self._done[manifest.kind] += count
        if failures:
            raise SandboxError(
                f"seeding stopped: {self._done.total()} objects are in place, {len(failures)} failed, "
                f"{to_go} were not tried. Failed: " + "; ".join(failures),
                hint="what is in place stays; `k8sops sandbox seed` again continues",
            )
        if count:
            self._progress(f"{self._done.total()} of {self._done.total() + to_go} objects in place")

    async def _apply(self, manifest: Manifest) -> bool:
        body = manifest.body
        if manifest.cronjob:
            body = await self._as_past_run(manifest)
        if manifest.revision is not None:
            body = await self._as_kept_by_helm(manifest, manifest.revision)
        answer = await self._api.apply(manifest.path, body)
        if manifest.status:
            head = {"name": manifest.name, "namespace": manifest.namespace}
            status = {key: body[key] for key in ("apiVersion", "kind")} | {
                "metadata": head,
                "status": manifest.status,
            }
            await self._api.apply(f"{manifest.path}/status", status)
        return answer.created

    async def _as_past_run(self, job: Manifest) -> JsonObject:
        cronjob = await self._api.find(f"{collection_path('CronJob', job.namespace)}/{job.cronjob}")
        if cronjob is None:
            raise SandboxError(f"{job.title}: its CronJob {job.cronjob} is gone", hint="seed again")
        owner = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": job.cronjob,
            "uid": cronjob["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        return job.body | {"metadata": job.body["metadata"] | {"ownerReferences": [owner]}}

    async def _as_kept_by_helm(self, manifest: Manifest, revision: Revision) -> JsonObject:
        namespace = await self._api.find(f"{collection_path('Namespace')}/{manifest.namespace}")
        if namespace is None:
            raise SandboxError(f"{manifest.title}: its namespace is gone", hint="seed again")
        body = revision.secret(parse_rfc3339(namespace["metadata"]["creationTimestamp"]))
        labels = PART_OF | body["metadata"]["labels"]
        return body | {"metadata": body["metadata"] | {"labels": labels}}

    async def _is_released(self, manifest: Manifest) -> bool:
        live = await self._api.find(manifest.path)
        return live is not None and _images(live) == _images(manifest.body)

    async def _is_not_established(self, manifest: Manifest) -> bool:
        live = await self._api.find(manifest.path) or {}
        if conditions_of(live).get("Established", ("", ""))[0] != "True":
            return True
        # Established is said a moment before the new address answers.
        names = manifest.body["spec"]
        version = names["versions"][0]["name"]
        try:
            await self._api.send(
                "GET", f"/apis/{names['group']}/{version}/{names['names']['plural']}?limit=1"
            )
        except RefusedError as error:
            if error.status == 404:
                return True
            raise
        return False

    async def _lacks_pods(self, manifest: Manifest) -> bool:
        live = await self._api.find(manifest.path) or {}
        status = live.get("status", {})
        current = status.get("observedGeneration") == live.get("metadata", {}).get("generation")
        return not current or status.get("availableReplicas", 0) < manifest.body["spec"]["replicas"]

    async def _wait(self, what: str, manifests: list[Manifest], lacks: Lacks) -> None:
        if not manifests:
            return
        self._progress(f"waiting for {what}")
        deadline = self._clock.monotonic() + SETTLE_SECONDS
        while missing := [one.title for one in manifests if await lacks(one)]:
            if self._clock.monotonic() > deadline:
                raise WaitError(
                    f"waited {SETTLE_SECONDS:.0f} s for {what}: still missing {', '.join(missing)}",
                    hint="`k8sops sandbox status` says whether every process of the sandbox is alive",
                )
            await self._clock.sleep(POLL_SECONDS)


def _images(deployment: JsonObject) -> list[str]:
    return [one["image"] for one in deployment["spec"]["template"]["spec"]["containers"]]
