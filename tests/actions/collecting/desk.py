"""The action on a real cluster, with surroundings of the test's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from k8sops.actions.backups.ports import Repositories
from k8sops.actions.collecting.action import Logs
from k8sops.actions.collecting.gathering import OwnRecords
from k8sops.actions.collecting.params import LogsParams
from k8sops.bundle.port import Redacting
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.artifacts import ARTIFACT
from k8sops.core.clock import SystemClock
from k8sops.core.plan import ClusterInfo, JsonObject, Plan
from k8sops.redact import KeyedRedactor, TextRedactor
from tests.actions.collecting.sources.ground import Records
from tests.support.journals import NotedJournal
from tests.support.repositories import in_memory


class SurroundingsHere:
    """A folder, a key, and a repository in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories: Repositories = in_memory()
        self._redactor = TextRedactor(KeyedRedactor(b"k" * 32))

    async def redacting(self) -> Redacting:
        """Under the test's key."""
        return self._redactor.stream

    def records(self, cluster: ClusterInfo) -> OwnRecords:
        """Two records and a run."""
        return Records()


class LogsDesk:
    """Plans and collects in one namespace."""

    def __init__(self, cluster: KubeCluster, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.surroundings = SurroundingsHere(folder)
        self.action = Logs(self.surroundings)

    def params(self, **said: Any) -> LogsParams:
        """In the test's namespace, the logs alone unless sources are named."""
        return LogsParams.model_validate({"namespace": self.namespace, "include_sources": ["logs"]} | said)

    async def plan(self, **said: Any) -> Plan:
        """What would be collected."""
        return await self.action.plan(self.params(**said), ReadOnlyCluster(self.cluster), SystemClock())

    async def collect(self, journal: NotedJournal | None = None, **said: Any) -> tuple[NotedJournal, Plan]:
        """Collect it."""
        journal, plan = journal or NotedJournal(), await self.plan(**said)
        await self.action.apply(plan, self.cluster, journal)
        return journal, plan


def artifact_in(journal: NotedJournal) -> JsonObject:
    """What was told of the bundle."""
    (told,) = [one.data[ARTIFACT] for one in journal.told if ARTIFACT in one.data]
    found: JsonObject = told
    return found


def left_in(folder: Path) -> list[str]:
    """What lies in the folder of bundles."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def until_left(folder: Path, name: str) -> None:
    """Wait until there is something whose name begins so."""
    async with asyncio.timeout(60):
        while not any(one.startswith(name) for one in left_in(folder)):  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.01)
