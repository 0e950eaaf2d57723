"""How each kind of moment is played: through the service, as a person at their own command line would do it.

What a moment comes to is compared with the script; a history that went otherwise is not kept.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar, Final

from k8sops.core.errors import DeniedError, K8sOpsError
from k8sops.core.run import Run, RunId, RunState, Vote
from k8sops.engine.following import follow
from k8sops.engine.granting import Grant
from k8sops.engine.sweeping import sweep
from k8sops.service import grants_desk
from k8sops.service.history.company import Company, Door
from k8sops.service.history.moments import (
    Asked,
    Done,
    Drained,
    GrantAsked,
    GrantVoted,
    Lapsed,
    Moment,
    NightShift,
    Paused,
    Scheduled,
    Undone,
    Voted,
)
from k8sops.service.history.night import LOOK_S, work_the_night


class HistoryError(K8sOpsError):
    """A moment of the history did not end as its script says."""

    code: ClassVar[str] = "history"


class Player:
    """Plays moments, one after the other."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._grants = grants_desk.Grants(company.storage, company.config, company.clock, company.ids)
        self._granted: dict[str, Grant] = {}
        self.runs: Final[dict[str, RunId]] = {}
        """Run of each moment that made one."""

    async def play(self, moment: Moment) -> None:
        """One moment. Raises HistoryError where it ends otherwise, and what the service raises."""
        self._company.ids.begin(moment.name, moment.at)
        takes = moment.takes if isinstance(moment, Done | Drained | Undone | NightShift) else timedelta(0)
        self._company.clock.begin(moment.at, takes)
        door = self._company.doors[moment.who]
        match moment:
            case Asked():
                await self._ask(moment, door)
            case Done():
                await self._do(moment, door)
            case Drained():
                await self._drain(moment, door)
            case Undone():
                await self._undo(moment, door)
            case Voted():
                await self._vote(moment, door)
            case Lapsed():
                await self._lapse(moment, door)
            case GrantAsked():
                await self._ask_grant(moment, door)
            case GrantVoted():
                await self._vote_grant(moment, door)
            case Scheduled():
                await self._schedule(moment, door)
            case Paused():
                await door.ops.schedule_desk.pause(moment.schedule, moment.reason, door.actor)
            case NightShift():
                await self._work_the_night(moment, door)
            case _:
                raise HistoryError(f"the moment {moment.name} is of no kind that can be played")

    async def _ask(self, moment: Asked, door: Door) -> None:
        run = await self._proposed(moment, door)
        _check(moment, run, moment.comes_to)

    async def _do(self, moment: Done, door: Door) -> None:
        run = await self._proposed(moment, door)
        _check(moment, await self._carried_out(run, door), moment.comes_to)

    async def _drain(self, moment: Drained, door: Door) -> None:
        cluster = self._company.admin
        pods = await cluster.resource("pods")
        nodes = Counter(
            [
                str(pod["spec"]["nodeName"])
                async for pod in cluster.list(pods, moment.namespace, label_selector=f"app={moment.app}")
                if pod["spec"].get("nodeName")
            ]
        )
        if not nodes:
            raise HistoryError(f"{moment.name}: no pod of {moment.namespace}/{moment.app} runs on a node")
        fewest = min(nodes, key=lambda name: (nodes[name], name))
        params = {"nodes": [fewest], "pod_selector": f"app={moment.app}"}
        done = Done(
            name=moment.name, at=moment.at, who=moment.who, reason=moment.reason,
            action="drain", params=params, takes=moment.takes,
        )  # fmt: skip
        await self._do(done, door)

    async def _undo(self, moment: Undone, door: Door) -> None:
        run = await door.ops.undo(self.runs[moment.run], door.actor, reason=moment.reason)
        self.runs[moment.name] = run.id
        _check(moment, await self._carried_out(run, door), RunState.SUCCEEDED)

    async def _vote(self, moment: Voted, door: Door) -> None:
        run = await door.ops.get_run(self.runs[moment.run])
        vote = Vote(verdict=moment.verdict, digest=run.plan.digest, reason=moment.reason)
        if moment.refused:
            with suppress(DeniedError):
                await door.ops.decide(run.id, vote, door.actor)
                raise HistoryError(f"{moment.name}: the vote of {moment.who} counted, and should not")
            return
        decided = await door.ops.decide(run.id, vote, door.actor)
        _check(moment, decided, RunState.DENIED if moment.verdict == "deny" else RunState.QUEUED)

    async def _lapse(self, moment: Lapsed, door: Door) -> None:
        storage = self._company.storage
        await sweep(await storage.database(), await storage.books())
        _check(moment, await door.ops.get_run(self.runs[moment.run]), RunState.EXPIRED)

    async def _ask_grant(self, moment: GrantAsked, door: Door) -> None:
        asked = grants_desk.GrantAsked(
            actions=moment.actions,
            namespaces=moment.namespaces,
            lasts=moment.lasts,
            risk="disruptive",
            reason=moment.reason,
        )
        cluster = door.ops.cluster_info
        self._granted[moment.name] = await self._grants.request(asked, door.actor, cluster)

    async def _vote_grant(self, moment: GrantVoted, door: Door) -> None:
        grant = self._granted[moment.grant]
        vote = Vote(verdict="approve", digest=grant.digest, reason=moment.reason)
        decided = await self._grants.decide(grant.id, vote, door.actor, door.ops.cluster_info)
        if decided.state != "active":
            raise HistoryError(f"{moment.name}: the grant is {decided.state}, and should be active")

    async def _schedule(self, moment: Scheduled, door: Door) -> None:
        given = {
            "name": moment.name,
            "action": moment.action,
            "params": moment.params,
            "cron": moment.cron,
            "alert_after_s": int(moment.alert_after.total_seconds()) if moment.alert_after else None,
            "reason": moment.reason,
        }
        desk = door.ops.schedule_desk
        await desk.keep(await desk.draft(given, door.actor), door.actor)

    async def _work_the_night(self, moment: NightShift, door: Door) -> None:
        run = await work_the_night(self._company, moment)
        self.runs[moment.name] = run
        _check(moment, await door.ops.get_run(run), RunState.SUCCEEDED)

    async def _proposed(self, moment: Asked | Done, door: Door) -> Run:
        run = await door.ops.propose(moment.action, moment.params, door.actor, reason=moment.reason)
        self.runs[moment.name] = run.id
        return run

    async def _carried_out(self, run: Run, door: Door) -> Run:
        """Confirm it, and wait until it has ended."""
        await door.ops.start(run.id, door.actor)
        async for _ in follow(await self._company.storage.database(), run.id, 0, look_every_s=LOOK_S):
            pass
        return await door.ops.get_run(run.id)


def _check(moment: Moment, run: Run, expected: RunState) -> None:
    if run.state is not expected:
        raise HistoryError(
            f"{moment.name}: run {run.id} should be {expected} and is {run.state}: {run.headline}",
            hint="`k8sops sandbox seed` again puts the company right and plays the history from its start",
        )
