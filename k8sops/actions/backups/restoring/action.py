"""Restore: objects of a backup back onto a cluster. The plan is the preview; the comparison afterwards the outcome."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from k8sops.actions.backups.ports import Repositories
from k8sops.actions.backups.restoring.drafting import Draft, Drafting
from k8sops.actions.backups.restoring.executing import Execution
from k8sops.actions.backups.restoring.findings import findings_of
from k8sops.actions.backups.restoring.params import RestoreParams
from k8sops.actions.backups.restoring.preparing import Restore, prepare
from k8sops.actions.backups.restoring.steps import BACKUP_KIND, comparing_step, steps_of
from k8sops.actions.planning import make_plan
from k8sops.core.clock import Clock
from k8sops.core.journal import Journal
from k8sops.core.plan import Forecast, JsonObject, Plan, Requirement, Step, Target
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk, riskiest
from k8sops.core.text import counted

__all__ = ["RestoreBackup", "RestoreParams"]


class RestoreBackup:
    """Puts objects of a backup back."""

    name: ClassVar[str] = "restore"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: RestoreParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Look at every chosen object, decide, and have the server try it.

        Raises UsageError where nothing can be meant, RepositoryError and its subclasses where the repository cannot
        be believed.
        """
        restore = await prepare(self._repositories, params, cluster)
        draft = await Drafting(restore, cluster, clock).run()
        backup = restore.source.body.id
        steps = await asyncio.to_thread(steps_of, draft.entries, named=bool(params.object))
        if steps or draft.skipped or draft.refused or draft.conflicts:
            steps = [*steps, comparing_step(backup, draft.named)]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(restore, draft, steps),
            steps=steps,
            findings=findings_of(restore, draft, cluster.info.uid),
            requires=[
                Requirement(
                    target=Target(kind=BACKUP_KIND, name=backup), fact="number", value=restore.source.seq
                )
            ],
            blast_radius=_blast(restore, draft),
            forecast=Forecast(limited_by="how many objects the API server takes in a second"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Restore what was planned, of the backup that was planned for. Raises PartialError for anything less."""
        if not plan.steps:
            return
        params = RestoreParams.model_validate(plan.params)
        restore = await prepare(self._repositories, params, cluster, backup=plan.steps[-1].target.name)
        await Execution(restore, plan, cluster, journal).run()


def _blast(restore: Restore, draft: Draft) -> JsonObject:
    spaces = {entry.target.namespace for entry in draft.entries if entry.target.namespace}
    spaces |= {entry.target.name for entry in draft.entries if entry.target.kind == "namespaces"}
    return {
        "objects": len(draft.entries),
        "targets": len(draft.entries),
        "namespaces": sorted(spaces),
        "unchanged": draft.unchanged,
        "differing": len(draft.skipped),
        "refused": len(draft.refused),
        "conflicts": len(draft.conflicts),
        "left": sum(draft.left.values()),
        "backup": restore.source.body.id,
    }


def _summary(restore: Restore, draft: Draft, steps: list[Step]) -> str:
    source = restore.source
    what = f"backup {source.seq} of {source.body.made_at[:16]}Z"
    if draft.refused or draft.conflicts:
        bad = len(draft.refused) + len(draft.conflicts)
        allowed = restore.params.allow_partial
        verdict = "Partial" if allowed else "Blocked"
        return f"{verdict}: {counted(bad, 'object')} of {draft.named} from {what} cannot be restored."
    if not draft.entries:
        words = "differs and stays" if len(draft.skipped) == 1 else "differ and stay"
        rest = f"; {counted(len(draft.skipped), 'object')} {words}" if draft.skipped else ""
        more = f", {draft.beyond} of them with more than it has" if draft.beyond else ""
        return (
            f"Nothing to do: {draft.unchanged} of {counted(draft.named, 'object')} as in {what}{more}{rest}."
        )
    verdict = {Risk.LOW: "Safe", Risk.DISRUPTIVE: "Disruptive", Risk.DESTRUCTIVE: "Destructive"}[
        riskiest(step.risk for step in steps)
    ]
    done = {"create": "created", "update": "updated", "recreate": "recreated", "rebind": "freed"}
    counts = [
        f"{number} {word}"
        for verb, word in done.items()
        if (number := sum(entry.verb == verb for entry in draft.entries))
    ]
    stay = [f"{draft.unchanged} unchanged"] if draft.unchanged else []
    stay += [f"{len(draft.skipped)} that differ stay"] if draft.skipped else []
    return f"{verdict}: of {what}, {', '.join([*counts, *stay])}."
