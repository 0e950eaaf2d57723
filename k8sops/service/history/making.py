"""A history made whole or not at all: played in a draft folder, which takes its place in one step at the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

import msgspec
import yaml

from k8sops.actions.drain.cordoning import MARKS, WHY
from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock
from k8sops.core.errors import NotFoundError
from k8sops.service.audit_trail import os_actor
from k8sops.service.backup_keys import make_identity
from k8sops.service.checkpointing import checkpoint_key, write_checkpoint
from k8sops.service.config import Config
from k8sops.service.history import HistoryReport
from k8sops.service.history.company import ADMIN, Company, cluster_of, config_at, open_company
from k8sops.service.history.moments import Drained
from k8sops.service.history.place import Place
from k8sops.service.history.playing import HistoryError, Player
from k8sops.service.history.script import SCRIPT
from k8sops.service.history.times import MORNING, StoryClock, last_midnight
from k8sops.service.repositories import where
from k8sops.service.seen import StoredSeen

LOCK_S: Final = 300.0

_REPORT: Final = msgspec.json.Decoder(HistoryReport)


async def made(
    place: Place, kubeconfigs: Mapping[str, Path], now: datetime | None, say: Callable[[str], None]
) -> HistoryReport:
    """See `k8sops.service.history.make_history`."""
    async with _alone(place):
        if not place.exists:
            return await _make(place, kubeconfigs, now or SystemClock().now(), say)
    return _REPORT.decode(place.report.read_bytes())


async def _make(
    place: Place, kubeconfigs: Mapping[str, Path], now: datetime, say: Callable[[str], None]
) -> HistoryReport:
    began = time.monotonic()
    draft = Place(place.root.with_name(f"{place.root.name}.draft"))
    await asyncio.to_thread(shutil.rmtree, draft.root, ignore_errors=True)
    draft.data.mkdir(mode=0o700, parents=True)
    draft.root.chmod(0o700)
    await _prepare(draft, kubeconfigs[ADMIN])
    async with open_company(draft, kubeconfigs, StoryClock(last_midnight(now))) as company:
        player = Player(company)
        for number, moment in enumerate(SCRIPT, start=1):
            say(f"history: {number} of {len(SCRIPT)}, {moment.name}")
            await player.play(moment)
        await _sign(company)
        await _settle(company, place)
    report = HistoryReport(made=True, runs=player.runs, seconds=time.monotonic() - began)
    settings = {
        "database_url": place.database_url,
        "policy": str(place.policy),
        "repositories": [place.repository()],
    }
    _write(draft.config, yaml.safe_dump(settings))
    kept = msgspec.structs.replace(report, made=False, seconds=0.0)
    _write(draft.report, msgspec.json.format(msgspec.json.encode(kept), indent=2).decode())
    # Whatever is there was never finished: it has no report.
    await asyncio.to_thread(shutil.rmtree, place.root, ignore_errors=True)
    draft.root.replace(place.root)
    return report


async def _prepare(draft: Place, kubeconfig: Path) -> None:
    """Keys; the policy, which names cluster and key; and the cluster as an interrupted history may not have left it."""
    key = await asyncio.to_thread(checkpoint_key, draft.checkpoint_key)
    await asyncio.to_thread(make_identity, SystemClock().now(), draft.backup_identity)
    cluster = await cluster_of(kubeconfig, Config())
    try:
        text = Template(files(__package__).joinpath("policy.yaml").read_text(encoding="utf-8"))
        filled = text.substitute(cluster_uid=cluster.info.uid, key_id=key.key_id, key=key.public.text)
        _write(draft.policy, filled)
        await open_nodes(cluster)
    finally:
        await cluster.aclose()


async def open_nodes(cluster: KubeCluster) -> None:
    """Open every node that a moment closes, as after a history that was cut off. Raises HistoryError if one lacks."""
    nodes = await cluster.resource("nodes")
    for moment in SCRIPT:
        params: dict[str, Any] = getattr(moment, "params", {})
        for name in params.get("nodes", ()):
            try:
                await cluster.patch(nodes, name, body={"spec": {"unschedulable": None}})
            except NotFoundError as error:
                raise HistoryError(
                    f"the history needs a {name}, and this sandbox has none",
                    hint="take it down and start it with `k8sops sandbox up --nodes 5`",
                ) from error
    reasons = {moment.reason for moment in SCRIPT if isinstance(moment, Drained)}
    opened = {"metadata": {"annotations": dict.fromkeys(MARKS)}, "spec": {"unschedulable": None}}
    async for node in cluster.list(nodes):
        if (node["metadata"].get("annotations") or {}).get(WHY) in reasons:
            await cluster.patch(nodes, node["metadata"]["name"], body=opened)


async def _sign(company: Company) -> None:
    company.ids.begin("signed", MORNING)
    company.clock.begin(MORNING)
    await write_checkpoint(
        await company.storage.database(),
        await company.storage.books(),
        actor=os_actor("worker"),
        key_at=company.place.checkpoint_key,
    )


async def _settle(company: Company, place: Place) -> None:
    """The repository moves with the draft, and one that is emptied there is not to be begun anew unnoticed."""
    seen = StoredSeen(company.storage, os_actor)
    made_at, will_be_at = (where(config_at(one)).location.shown for one in (company.place, place))
    await seen.found_at(will_be_at, await seen.repository_at(made_at))


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


@asynccontextmanager
async def _alone(place: Place) -> AsyncIterator[None]:
    """Hold the place against another seed. Raises HistoryError where one takes too long."""
    path = place.root.with_name(f"{place.root.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        async with asyncio.timeout(LOCK_S):
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                await asyncio.sleep(0.1)
    except TimeoutError:
        os.close(descriptor)
        raise HistoryError(
            f"another command has been making the history at {place.root} for {LOCK_S:.0f} s",
            hint="wait for it to end, or end it",
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
