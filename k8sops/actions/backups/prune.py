"""The action `backups prune`: take backups away, by name or by a rule, and delete what nothing needs any more.

The plan names each backup that goes, and why, and each that stays. From the first step on they are gone for everybody;
their files are deleted by a prune a day later at the earliest (FORMAT.md, Prune).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import ClassVar, Final

import msgspec
from pydantic import model_validator

from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.actions.backups.retaining import RetentionParams
from k8sops.actions.backups.telling import repository_target, signer_of, told_while
from k8sops.actions.backups.writable import unwritable
from k8sops.actions.planning import make_plan, no_change, walk_steps
from k8sops.backup.bodies import BackupBody
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.names import is_cluster
from k8sops.backup.retention import Retention
from k8sops.backup.selection import choice_key, read_selection, selection_text
from k8sops.backup.vault.manifests import body_of, clusters_of, load_chain, resolve_backup
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.pruning import Pruned, Pruner, prune, remove_backups, survey
from k8sops.backup.vault.retaining import judge
from k8sops.backup.vault.sweeping import Prospect
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.events import Progress
from k8sops.core.journal import Journal
from k8sops.core.params import PlainText, option, positional
from k8sops.core.plan import ClusterInfo, Finding, Item, Plan, Step, Target, bulk_of
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable

REMOVE: Final = "prune/remove"
SWEEP: Final = "prune/sweep"
LISTED: Final = 2000
GOING: Final = 1500
"""The most backups of a cluster that go at once: all that go are in the plan."""


class PruneParams(RetentionParams):
    """Which backups go, and of which clusters."""

    backups: tuple[PlainText, ...] = positional(
        "Backups to remove, whatever a rule says: a number, or an id.", metavar="BACKUP...", default=()
    )
    repo: PlainText = option(
        "The repository: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )
    cluster: PlainText = option(
        "The uid of the cluster whose backups are meant.  [default: the present one]",
        metavar="UID",
        default="",
    )
    all_clusters: bool = option("Apply the rule to every cluster in the repository.", default=False)

    @model_validator(mode="after")
    def _one_way(self) -> PruneParams:
        if self.backups and not self.retention.keeps_everything:
            raise ValueError("backups are named, or a rule is given (--keep-…, --ttl), not both")
        if self.backups and self.all_clusters:
            raise ValueError("named backups are of one cluster: leave --all-clusters out")
        if self.cluster and not is_cluster(self.cluster):
            raise ValueError("--cluster should be a uid, as `k8sops backups list` shows it")
        if "latest" in self.backups:
            raise ValueError("the latest backup is named by its number or id, so that it stays the one meant")
        return self


class _Fate(msgspec.Struct, frozen=True):
    """A backup, whether it stays, and why."""

    seq: int
    keep: bool
    why: str
    body: BackupBody | None


class Prune:
    """Removes backups, and what nothing needs."""

    name: ClassVar[str] = "prune_backups"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: PruneParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read all manifests and what the backups that stay need."""
        opened = await self._repositories.open(params.repo)
        fates = await _fates(opened.vault, params, cluster.info)
        going = {uid: [fate.seq for fate in found if not fate.keep] for uid, found in fates.items()}
        going = {uid: seqs for uid, seqs in going.items() if seqs}
        if going:
            opened.check_own()
        prospect = await survey(opened.vault, going)
        steps = [_remove(uid, fates[uid], params) for uid in going]
        if steps or not prospect.nothing:
            steps.append(_sweep(opened))
        blockers = await unwritable(opened.vault.storage) if steps else []
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(fates, steps, prospect),
            steps=steps,
            findings=[
                *blockers,
                *_findings(opened, steps, prospect, params),
                *[
                    finding
                    for uid in going
                    if params.backups
                    for finding in await _last(opened.vault, uid, going[uid])
                ],
            ],
            blast_radius={
                "backups": sum(map(len, going.values())),
                "files": len(prospect.doom) + len(prospect.due) + len(prospect.leftovers),
                "bytes": sum(prospect.doom.values()) + _now(prospect),
            },
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write the tombstones and marks, then sweep."""
        await walk_steps(plan, journal, partial(self._do, PruneParams.model_validate(plan.params), journal))

    async def _do(self, params: PruneParams, journal: Journal, step: Step) -> str:
        opened = await self._repositories.open(params.repo, writing=True)
        who = Pruner(signer=signer_of(opened), ids=opened.ids, run=journal.errand.run)
        progress = Progress(unit="backups")

        def on_progress(done: int, total: int) -> None:
            nonlocal progress
            progress = Progress(done=done, total=total, unit="backups")

        def told() -> tuple[str, Progress]:
            return f"{progress.done} of {progress.total} backups gone through", progress

        if step.id == SWEEP:
            work = prune(opened.vault, who, {}, {}, on_progress=on_progress)
            return _swept(await told_while(journal, step.id, work, told))
        uid = step.target.name
        seqs = [
            int(item.target.name) for item in (step.bulk.items if step.bulk else ()) if item.verb == "remove"
        ]
        policy = params.retention.as_json() or {"named": True}
        removing = remove_backups(opened.vault, who, uid, seqs, policy, on_progress=on_progress)
        gone = await told_while(journal, step.id, removing, told)
        if not gone.seqs:
            return f"cluster {uid}: the backups were gone already"
        numbers = ", ".join(map(str, gone.seqs[:20])) + (" …" if len(gone.seqs) > 20 else "")
        return f"cluster {uid}: {counted(len(gone.seqs), 'backup')} removed: {numbers}"


async def _fates(vault: Vault, params: PruneParams, present: ClusterInfo) -> dict[str, list[_Fate]]:
    """What becomes of every backup of the clusters that are meant, newest first."""
    if params.all_clusters:
        return {uid: await _by_rule(vault, uid, params) for uid in await clusters_of(vault)}
    uid = params.cluster or present.uid
    if not is_cluster(uid):
        raise UsageError("the present cluster's uid is not known", hint="name it with --cluster")
    if not params.backups:
        return {uid: await _by_rule(vault, uid, params)}
    chain = await load_chain(vault, uid)
    found: dict[int, _Fate] = {}
    for text in params.backups:
        seq = await resolve_backup(vault, chain, text)
        try:
            body = await body_of(vault, chain, seq)
        except (RepositoryError, RepositoryKeyError):
            body = None
        found[seq] = _Fate(seq, keep=False, why="named", body=body)
    return {uid: sorted(found.values(), key=lambda fate: fate.seq, reverse=True)}


async def _by_rule(vault: Vault, uid: str, params: PruneParams) -> list[_Fate]:
    judged = await judge(vault, await load_chain(vault, uid), params.retention)
    going = [each.verdict.seq for each in reversed(judged) if not each.verdict.keep][:GOING]
    found = []
    for each in judged:
        verdict = each.verdict
        keep = verdict.seq not in going
        why = "goes another time: no more go at once" if keep and not verdict.keep else verdict.why
        found.append(_Fate(verdict.seq, keep=keep, why=why, body=each.body))
    return found


def _remove(uid: str, fates: list[_Fate], params: PruneParams) -> Step:
    going = [fate for fate in fates if not fate.keep]
    staying = [fate for fate in fates if fate.keep][: LISTED - len(going)]
    named = bool(params.backups)
    return Step(
        id=f"{REMOVE}:{uid}",
        verb="remove backups",
        target=Target(kind="clusters", name=uid),
        why="they are named" if named else "no rule holds them",
        before={},
        after={"rule": "named" if named else _rule_text(params)},
        risk=Risk.DESTRUCTIVE if named else Risk.DISRUPTIVE,
        bulk=bulk_of([_item(fate, named=named) for fate in (*going, *staying)], listed=LISTED),
    )


def _rule_text(params: PruneParams) -> str:
    return ", ".join(f"keep {name} {value}" for name, value in params.retention.as_json().items())


def _item(fate: _Fate, *, named: bool) -> Item:
    body = fate.body
    group = "kept" if fate.keep else "named" if named else "by rule"
    data = {"name": printable(body.name), "made_at": body.made_at, "complete": body.complete} if body else {}
    return Item(
        target=Target(kind="backups", name=str(fate.seq), uid=body.id if body else ""),
        verb="keep" if fate.keep else "remove",
        group=group,
        why=fate.why,
        data=data,
    )


def _sweep(opened: OpenRepository) -> Step:
    return Step(
        id=SWEEP,
        verb="sweep",
        target=repository_target(opened),
        why="files that no backup needs are marked, and deleted a day after their mark",
        before={},
        after={"repository": opened.location},
        risk=Risk.LOW,
    )


def _findings(
    opened: OpenRepository, steps: list[Step], prospect: Prospect, params: PruneParams
) -> list[Finding]:
    found = []
    if prospect.waiting:
        text = f"{counted(len(prospect.waiting), 'file')} are marked and wait for their day"
        found.append(Finding(level="note", code="waiting", text=text))
    if not steps:
        found.append(no_change(f"{opened.location}: nothing to remove", opened.location))
    if steps and params.backups:
        text = "what only these backups held cannot be restored any more"
        found.append(Finding(level="warning", code="cannot_be_undone", text=text))
    found += [
        Finding(level="warning", code="key_file_refused", text=printable(error.message)[:300])
        for error in opened.vault.refused
    ]
    return found


async def _last(vault: Vault, uid: str, going: Collection[int]) -> list[Finding]:
    """Named backups after which nothing complete of their selection is left: a smaller one is no stand-in."""
    judged = await judge(vault, await load_chain(vault, uid), Retention())
    complete = [
        (each.verdict.seq, each.body) for each in judged if each.body is not None and each.body.complete
    ]
    left = {choice_key(body.selection) for seq, body in complete if seq not in going}
    gone: dict[bytes, tuple[int, BackupBody]] = {}
    for seq, body in complete:
        if choice_key(body.selection) not in left:
            gone.setdefault(choice_key(body.selection), (seq, body))
    return [
        Finding(
            level="warning",
            code="last_of_its_selection",
            text=f"no complete backup is left of what {seq} ({printable(body.name)}) is of: {_of(body)}",
            subjects=(str(seq),),
        )
        for seq, body in gone.values()
    ]


def _of(body: BackupBody) -> str:
    try:
        return printable(selection_text(read_selection(body.selection)))
    except UsageError:
        return "a selection that is not known here"


def _summary(fates: dict[str, list[_Fate]], steps: list[Step], prospect: Prospect) -> str:
    if not steps:
        return "Nothing to do: no backup goes, and no file is without need."
    going = sum(not fate.keep for found in fates.values() for fate in found)
    staying = sum(fate.keep for found in fates.values() for fate in found)
    later = sum(prospect.doom.values())
    now = _now(prospect)
    freed = [f"{size_text(now)} now"] if now else []
    freed += [f"{size_text(later)} in a day"] if later else []
    room = f"; frees {' and '.join(freed)}" if freed else ""
    if not going:
        return f"Safe: no backup goes, only files that no backup needs{room}."
    kept = f", {staying} kept" if staying else ""
    return f"Final: {counted(going, 'backup')} of {counted(len(fates), 'cluster')} removed{kept}{room}."


def _now(prospect: Prospect) -> int:
    """Bytes that a sweep deletes at once."""
    return sum(due.size for due in prospect.due) + sum(prospect.leftovers.values())


def _swept(done: Pruned) -> str:
    kept = len(done.swept.retained)
    text = f"{counted(done.swept.files, 'file')} deleted ({size_text(done.swept.bytes)})"
    if done.marked:
        text += f"; {done.marked} marked, to be deleted by a prune after a day"
    if kept:
        text += (
            f"; {counted(kept, 'file')} kept by the storage (retention or lock): a later prune deletes them"
        )
    return text


__all__ = ["Prune", "PruneParams"]
