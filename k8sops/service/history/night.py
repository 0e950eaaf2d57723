"""The worker of a history's night: it fires what is due, carries it as whom policy says, and stops in good order."""

from __future__ import annotations

import asyncio
from typing import Final

from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.run import RunFilter, RunId
from k8sops.engine.following import follow
from k8sops.engine.schedules.firing import Scheduler
from k8sops.service.access import Access
from k8sops.service.action_book import RegistryBook, repositories_of
from k8sops.service.door_carrier import make_carrier
from k8sops.service.history.company import Company
from k8sops.service.history.moments import NightShift
from k8sops.service.planning import Planner
from k8sops.service.policies import load_rules
from k8sops.service.schedule_hooks import EngineHooks
from k8sops.store.runs import list_runs

GRACE_S: Final = 30.0
LOOK_S: Final = 0.05
"""How often a run is looked at, to see that it has ended."""


async def work_the_night(company: Company, moment: NightShift) -> RunId:
    """Fire the schedule that is due and carry its run to its end; returns the run."""
    cluster, clock, ids = company.admin, company.clock, company.ids
    rules, actions = load_rules(company.config, clock), _book(company)
    database, books = await company.storage.database(), await company.storage.books()
    own = rules.own_identities((await cluster.whoami()).username, cluster.info.uid)
    carrier = await make_carrier(
        cluster, company.storage, rules, actions, own=own, identities=(*own, *rules.impersonated()),
        surface="worker", resident=True, clock=clock, ids=ids,
    )  # fmt: skip
    planner = Planner(ReadOnlyCluster(cluster), rules, actions, clock=clock, default_namespace="default")
    hooks = EngineHooks(database, books, rules, planner, Access(cluster, rules), ids, (cluster.info.uid,))
    scheduler = Scheduler(database, hooks, owner=carrier.id)
    await carrier.announce()
    await scheduler.round()
    await scheduler.settled()
    wanted = RunFilter(schedule=moment.schedule, limit=1)
    (fired,) = await database.read(lambda tx: list_runs(tx, wanted))
    serving = asyncio.create_task(carrier.serve(), name="the night's worker")
    try:
        async for _ in follow(database, fired.id, 0, look_every_s=LOOK_S):
            pass
    finally:
        clock.begin(moment.until)
        await scheduler.aclose(grace_s=GRACE_S)
        await carrier.aclose(grace_s=GRACE_S)
        await serving
    return fired.id


def _book(company: Company) -> RegistryBook:
    return RegistryBook(repositories_of(company.config, company.storage, company.clock, company.ids))
