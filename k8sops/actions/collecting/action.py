"""The action `logs`: gather a bundle, put it in place, say where it is, and what it lacks.

Whoever takes the run over begins anew: what was gathered lay in a hidden folder that the next bundle there clears.
"""

from __future__ import annotations

import re
from functools import partial
from typing import ClassVar, Final

import msgspec

from k8sops import __version__
from k8sops.actions.backups.telling import told_while
from k8sops.actions.collecting.gather import add_timeline, gather_all
from k8sops.actions.collecting.gathering import Gathering, Source, Window
from k8sops.actions.collecting.params import LogsParams
from k8sops.actions.collecting.places import Place
from k8sops.actions.collecting.planning import (
    findings_of,
    misses,
    radius_of,
    step_of,
    summary_of,
    what_of,
)
from k8sops.actions.collecting.ports import Surroundings
from k8sops.actions.collecting.quantities import bytes_of
from k8sops.actions.collecting.telling import lacking, outcome, progress_of
from k8sops.actions.planning import make_plan, walk_steps
from k8sops.bundle.index import About
from k8sops.bundle.naming import safe_part
from k8sops.bundle.writing import BundleWriter, Form, Written, a_bundle
from k8sops.core.clock import Clock, rfc3339
from k8sops.core.errors import PartialError
from k8sops.core.events import QUIET, Emission
from k8sops.core.journal import Journal
from k8sops.core.logs import SECOND_NS, moment_of
from k8sops.core.plan import Forecast, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.logs.finding import find

_CLUSTER: Final = re.compile(r"[^A-Za-z0-9-]+")


class Logs:
    """Collects logs, and what explains them, into a bundle."""

    name: ClassVar[str] = "logs"
    version: ClassVar[int] = 1

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings: Final = surroundings

    async def plan(self, params: LogsParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Find the pods, and say what would be read."""
        params.window(clock.now(), clock.now())
        location = await Place(params, self._surroundings).location()
        found = await find(cluster, params.selection)
        findings = await findings_of(params, found, cluster)
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=summary_of(params, found, location, findings),
            steps=[step_of(params, found)],
            findings=findings,
            blast_radius=radius_of(params, found),
            forecast=Forecast(limited_by=f"at most {params.within} s"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Collect. Raises PartialError naming what could not be had; the bundle is kept."""
        await walk_steps(plan, journal, partial(self._collect, plan, cluster, journal))

    async def _collect(self, plan: Plan, cluster: Cluster, journal: Journal, step: Step) -> str:
        params = LogsParams.model_validate(plan.params)
        window = params.window(plan.made_at, journal.clock.now())
        place = Place(params, self._surroundings)
        redacting = None if params.no_redact else await self._surroundings.redacting()
        form = Form(
            target=place.staging,
            name=_name(plan, journal),
            form=params.format,
            split=bytes_of(params.split_size) if params.split_size else 0,
            most=bytes_of(params.limit),
            most_each=bytes_of(params.limit_per_file),
            at_s=window.until_ns // SECOND_NS,
        )
        async with a_bundle(form, redacting) as writer:
            gathering = await self._gathering(params, window, cluster, journal, writer)
            work = gather_all(gathering, _sources(params), params.within)
            in_time = await told_while(journal, step.id, work, partial(progress_of, gathering, writer))
            # The last that is told while it goes need not be all of it.
            text, progress = progress_of(gathering, writer)
            told = msgspec.to_builtins(progress)
            await journal.tell(Emission(kind="progress", step=step.id, text=text, data=told))
            await add_timeline(gathering, writer, f"{plan.cluster.name}: {what_of(params)}")
            written = await writer.finish(_about(plan, params, window, journal))
        return await self._told(written, place, window, plan, journal, in_time)

    async def _gathering(
        self, params: LogsParams, window: Window, cluster: Cluster, journal: Journal, writer: BundleWriter
    ) -> Gathering:
        found = await find(cluster, params.selection)
        for error in found.errors:
            writer.missing("namespaces", source="pods", why=error)
        if misses(params, found):
            writer.missing("namespaces", source="pods", why=f"no pod is meant by {what_of(params)}")
        return Gathering(
            cluster=cluster,
            clock=journal.clock,
            sink=writer,
            selection=params.selection,
            window=window,
            pods=found.objects,
            namespaces=tuple(dict.fromkeys((*params.namespaces, *found.namespaces))),
            records=self._surroundings.records(cluster.info),
            moments=[],
            found=found.pods,
            previous=not params.no_previous,
            tail=params.tail,
            until_is_set=bool(params.until),
            most_each=bytes_of(params.limit_per_file),
            exhausted=writer.exhausted,
        )

    async def _told(
        self,
        written: Written,
        place: Place,
        window: Window,
        plan: Plan,
        journal: Journal,
        in_time: bool,
    ) -> str:
        """Put it where it goes, tell of it, and judge whether it is all that was asked for."""
        where, artifact = await place.keep(
            written.made,
            written.made.folder.name if written.made.folder else "",
            window,
            plan.cluster,
            journal,
        )
        said = outcome(where, written.index)
        await journal.tell(Emission(kind="note", text=said, data=artifact.as_data() | QUIET))
        if not written.index.complete:
            raise PartialError(
                f"{where} is not complete: {lacking(written.index)}",
                hint="its index.json names all that is missing; what is there can be used"
                + ("" if in_time else "; --within gives it more time"),
            )
        return said


def _sources(params: LogsParams) -> dict[str, Source]:
    from k8sops.actions.collecting.sources.catalog import SOURCES  # noqa: PLC0415 - a plan reads none of them

    return {name: SOURCES[name].source for name in params.sources}


def _name(plan: Plan, journal: Journal) -> str:
    """Tells cluster, time and run; the same again for whoever takes the run over."""
    cluster = _CLUSTER.sub("-", plan.cluster.name).strip("-")[:40] or "cluster"
    at = f"{plan.made_at:%Y%m%dT%H%M%SZ}"
    return safe_part(f"logs-{cluster}-{at}-{journal.errand.run[-6:]}".removesuffix("-"))


def _about(plan: Plan, params: LogsParams, window: Window, journal: Journal) -> About:
    cluster = plan.cluster
    return About(
        made_by=f"k8sops {__version__}",
        made_at=rfc3339(journal.clock.now()),
        run=journal.errand.run,
        actor=journal.errand.actor,
        cluster={"name": cluster.name, "uid": cluster.uid, "environment": cluster.environment},
        selection=msgspec.to_builtins(params.selection),
        since=rfc3339(moment_of(window.since_ns)),
        until=rfc3339(moment_of(window.until_ns)),
        sources=params.sources,
        limits={"each": params.limit_per_file, "all": params.limit, "seconds": params.within},
    )


__all__ = ["Logs", "LogsParams"]
