"""What a person has to know of a restore before it is begun: what cannot be, what is left, what is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from k8sops.actions.backups.restoring.drafting import Draft, Entry
from k8sops.actions.backups.restoring.preparing import CLAIMS, Restore
from k8sops.actions.backups.restoring.quotas import QUOTAS
from k8sops.core.plan import Finding, Level
from k8sops.core.text import counted, printable

NAMED: Final = 3
SUBJECTS: Final = 100
"""So many objects of one finding are listed; the text says how many there are."""
PORT_TAKEN: Final = "provided port is already allocated"
"""In the API server's refusal of a Service whose node port another one has by now."""


def findings_of(restore: Restore, draft: Draft, cluster: str) -> list[Finding]:
    """Everything, worst first."""
    found = [
        *_refused(restore, draft),
        *_conflicts(restore, draft),
        *_incomplete(restore),
        *_damaged(restore),
        *_quotas(draft),
        *_along(draft),
        *_skipped(draft),
        *_other_cluster(restore, cluster),
        *_other_version(restore),
        *_volumes(restore),
        *_notes(restore, draft),
    ]
    order = ("blocker", "warning", "note")
    return sorted(found, key=lambda one: order.index(one.level))


def _refused(restore: Restore, draft: Draft) -> list[Finding]:
    level: Level = "warning" if restore.params.allow_partial else "blocker"
    ports = [entry for entry in draft.refused if PORT_TAKEN in entry.why]
    others = [entry for entry in draft.refused if PORT_TAKEN not in entry.why]
    return [
        _finding(level, code, f"{_objects(some)} cannot be restored: {_first(some)}", some, override=override)
        for code, some, override in (
            ("refused", others, "--allow-partial"),
            ("node_port_taken", ports, "--node-ports release"),
        )
        if some
    ]


def _conflicts(restore: Restore, draft: Draft) -> list[Finding]:
    level: Level = "warning" if restore.params.allow_partial else "blocker"
    if not draft.conflicts:
        return []
    text = f"{_objects(draft.conflicts)} would take fields from somebody else: {_first(draft.conflicts)}"
    return [_finding(level, "conflict", text, draft.conflicts, override="--force-conflicts")]


def _incomplete(restore: Restore) -> list[Finding]:
    body = restore.source.body
    if body.complete:
        return []
    gaps = [f"{gap.resource or gap.group}: {gap.why}" for gap in body.gaps]
    more = f"; and {len(gaps) - NAMED} more" if len(gaps) > NAMED else ""
    text = f"the backup lacks what could not be read: {'; '.join(map(printable, gaps[:NAMED]))}{more}"
    return [
        Finding(
            level="warning" if restore.params.allow_incomplete else "blocker",
            code="incomplete",
            text=text,
            subjects=tuple(sorted({gap.resource or gap.group for gap in body.gaps})[:SUBJECTS]),
            override="--allow-incomplete",
        )
    ]


def _damaged(restore: Restore) -> list[Finding]:
    """That somebody or something was at the repository has to be known before what it holds is brought back."""
    damaged = restore.source.damaged
    if not damaged:
        return []
    more = f"; and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    text = (
        f"the repository is damaged beside this backup, whose own signature holds: "
        f"{'; '.join(map(printable, damaged[:NAMED]))}{more}"
    )
    return [Finding(level="warning", code="damaged_repository", text=text)]


def _quotas(draft: Draft) -> list[Finding]:
    if not draft.quotas_read:
        text = "resource quotas may not be read: whether all objects fit into them together is not known"
        return [Finding(level="note", code="quotas_unread", text=text)]
    if not draft.quotas:
        return []
    told = "; ".join(one.text for one in draft.quotas[:NAMED])
    more = f"; and {len(draft.quotas) - NAMED} more" if len(draft.quotas) > NAMED else ""
    text = f"each object fits into its namespace's quotas, but not all of them together: {told}{more}"
    subjects = sorted({f"{one.namespace}/{QUOTAS}/{one.quota}" for one in draft.quotas})
    return [Finding(level="warning", code="quota", text=text, subjects=tuple(subjects[:SUBJECTS]))]


def _along(draft: Draft) -> list[Finding]:
    """What is deleted besides; claims by themselves, since no backup of objects brings back what is on them."""
    found = []
    for code, targets, what in (
        (
            "claims_deleted",
            draft.along.claims,
            "with all that is on their volumes, unless these are retained",
        ),
        ("deleted_along", draft.along.others, "they are what the recreated objects own"),
    ):
        if targets:
            named = ", ".join(target.label for target in targets[:NAMED])
            more = f" and {len(targets) - NAMED} more" if len(targets) > NAMED else ""
            are = "is" if len(targets) == 1 else "are"
            noun = "claim" if code == "claims_deleted" else "object"
            text = (
                f"{counted(len(targets), noun)} {are} deleted with what is recreated, {what}: {named}{more}"
            )
            subjects = tuple(target.label for target in targets[:SUBJECTS])
            found.append(
                Finding(
                    level="warning", code=code, text=text, subjects=subjects, override="--existing update"
                )
            )
    if unread := draft.along.unread:
        text = f"what is deleted with what is recreated among {', '.join(unread)} could not be read"
        found.append(Finding(level="warning", code="dependents_unread", text=text, subjects=unread))
    return found


def _skipped(draft: Draft) -> list[Finding]:
    if not draft.skipped:
        return []
    text = (
        f"{_objects(draft.skipped)} are there, differ and stay as they are; the restore ends as failed, naming them: "
        f"{_first(draft.skipped)}"
    )
    return [_finding("warning", "existing_differs", text, draft.skipped, override="--existing update")]


def _other_cluster(restore: Restore, cluster: str) -> list[Finding]:
    source = restore.source
    if source.cluster == cluster:
        return []
    text = f"the backup is of another cluster, {printable(source.body.cluster_name) or source.cluster}"
    return [Finding(level="warning", code="other_cluster", text=text, subjects=(source.cluster,))]


def _other_version(restore: Restore) -> list[Finding]:
    groups = [group for group in restore.chosen.groups if group.stored_as and not group.left]
    if not groups:
        return []
    told = "; ".join(f"{group.qualified}, {group.other_version}" for group in groups[:NAMED])
    more = f"; and {len(groups) - NAMED} more kinds" if len(groups) > NAMED else ""
    text = (
        f"{counted(len(groups), 'kind')} {'is' if len(groups) == 1 else 'are'} restored in another version, and only "
        f"objects that fit it whole: {told}{more}"
    )
    subjects = tuple(group.qualified for group in groups[:SUBJECTS])
    return [Finding(level="warning", code="other_version", text=text, subjects=subjects)]


def _volumes(restore: Restore) -> list[Finding]:
    claims = restore.chosen.of_kind(CLAIMS)
    if claims is None:
        return []
    missing = set(restore.source.body.volumes_not_captured)
    labels = [
        claims.target(row, restore.params.mapping).label
        for row in claims.rows
        if (row.namespace, row.name) in missing
    ]
    if not labels:
        return []
    text = (
        f"the backup has no data of {counted(len(labels), 'volume')}: claims come back, what was on them does not, "
        "unless their volumes are still there"
    )
    return [
        Finding(level="warning", code="volumes_without_data", text=text, subjects=tuple(labels[:SUBJECTS]))
    ]


def _notes(restore: Restore, draft: Draft) -> list[Finding]:
    found = []
    waiting = [entry for entry in draft.entries if entry.verdict == "created_unverified"]
    if waiting:
        text = (
            f"{_objects(waiting)} cannot be tried before what {'it needs' if len(waiting) == 1 else 'they need'} is "
            f"there ({_reasons(waiting)}); they are tried then, before the first of each kind is made"
        )
        found.append(Finding(level="note", code="created_unverified", text=text))
    if draft.left:
        told = ", ".join(f"{number} {what}" for what, number in sorted(draft.left.items())[:8])
        more = f", and {len(draft.left) - 8} other kinds" if len(draft.left) > 8 else ""
        text = f"{counted(sum(draft.left.values()), 'object')} left to what makes them: {told}{more}"
        found.append(Finding(level="note", code="left_to_controller", text=text))
    if draft.beyond:
        has = "has" if draft.beyond == 1 else "have"
        text = f"{counted(draft.beyond, 'object')} {has} all that the backup has, and more, which stays"
        found.append(Finding(level="note", code="beyond", text=text))
    if restore.params.mapping:
        text = (
            "references to a namespace that the API defines go along (subjects, webhooks' Services, volumes' claims); "
            "names in configuration and environment variables do not"
        )
        found.append(Finding(level="note", code="mapping", text=text))
    return found


def _finding(level: Level, code: str, text: str, entries: Sequence[Entry], *, override: str) -> Finding:
    labels = sorted({entry.target.label for entry in entries})
    return Finding(level=level, code=code, text=text, subjects=tuple(labels[:SUBJECTS]), override=override)


def _objects(entries: Sequence[Entry]) -> str:
    return counted(len(entries), "object")


def _reasons(entries: Sequence[Entry]) -> str:
    """Each reason once, the commonest first."""
    found = Counter(entry.why for entry in entries).most_common()
    if len(found) == 1:
        return printable(found[0][0])
    told = "; ".join(f"{number}: {printable(why)}" for why, number in found[:NAMED])
    return told + (f"; and {len(found) - NAMED} other reasons" if len(found) > NAMED else "")


def _first(entries: Sequence[Entry]) -> str:
    ordered = sorted(entries, key=lambda entry: entry.target)[:NAMED]
    told = "; ".join(f"{entry.target.label} ({printable(entry.why)})" for entry in ordered)
    return told + (f"; and {len(entries) - NAMED} more" if len(entries) > NAMED else "")
