"""The plan of a backup: what would be read and how, what cannot be, and what no backup of today captures.

Whatever the plan names are objects, never their data. Counts are of the moment and no part of what is approved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.hooks import Hook
from k8sops.actions.backups.incremental import Manner, Place
from k8sops.actions.backups.survey import Survey, Unread
from k8sops.backup.canonical import canonical
from k8sops.backup.selection import selection_json, selection_text
from k8sops.core.plan import Bulk, ClusterInfo, Finding, Forecast, Item, JsonObject, Step, Target, bulk_of
from k8sops.core.risk import Risk
from k8sops.core.text import counted, printable

MAKE: Final = "backup/repository"
BACKUP: Final = "backup/objects"
RETAIN: Final = "backup/retention"
RUN_HOOK: Final = "run hook"
NAMED: Final = 8
LISTED: Final = 2000
OBJECTS_PER_S: Final = 4000.0
UNCHANGED_PER_S: Final = 15_000.0


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """All that a plan of a backup is made from."""

    params: BackupParams
    cluster: ClusterInfo
    survey: Survey
    manner: Manner
    location: str
    exists: bool
    going: tuple[str, ...] = ()
    """Backups that retention would take away after this one, as people call them."""

    blockers: tuple[Finding, ...] = ()
    """Why nothing could be written."""

    @property
    def objects(self) -> int:
        """About how many there are."""
        return sum(self.survey.counts.values())

    @property
    def encrypted(self) -> bool:
        """Whether it is written sealed."""
        return not self.params.no_encryption


def steps_of(outlook: Outlook) -> list[Step]:
    """Make the repository if there is none, the backup, and retention if it was asked for."""
    target = _target(outlook)
    steps = []
    if not outlook.exists:
        steps.append(
            Step(
                id=MAKE,
                verb="make repository",
                target=target,
                why="there is none in that place yet",
                before={},
                after={"repository": outlook.location, "encrypted": outlook.encrypted},
                risk=Risk.LOW,
            )
        )
    hooks = outlook.survey.hooks
    steps.append(
        Step(
            id=BACKUP,
            verb="back up",
            target=target,
            why=outlook.manner.why,
            before={},
            after={
                "repository": outlook.location,
                "encrypted": outlook.encrypted,
                "selection": selection_text(outlook.params.selected),
            },
            risk=Risk.DISRUPTIVE if hooks else Risk.LOW,
            bulk=_bulk(outlook.survey.claims, hooks),
        )
    )
    retention = outlook.params.retention
    if not retention.keeps_everything:
        steps.append(
            Step(
                id=RETAIN,
                verb="apply retention",
                target=target,
                why="older backups of the same cluster and selection go as the rule says, once this one is complete",
                before={},
                after={f"keep {name}": value for name, value in retention.as_json().items()},
                risk=Risk.DISRUPTIVE,
            )
        )
    return steps


def findings_of(outlook: Outlook) -> list[Finding]:
    """What whoever asked has to know."""
    return [*outlook.blockers, *_gaps(outlook.survey), *_volumes(outlook.survey.claims), *_others(outlook)]


def summary_of(outlook: Outlook) -> str:
    """The verdict first."""
    survey = outlook.survey
    unread = [*_names_of(survey.unread), *(f"group {gap.group or 'core'}" for gap in survey.undiscovered)]
    what = f"{_about(outlook)} of {counted(len(survey.choice.kinds), 'kind')}"
    claims = f"; the data of {counted(len(survey.claims), 'volume')} NOT captured" if survey.claims else ""
    if outlook.blockers:
        return f"Blocked: nothing can be written to {outlook.location}; {what}{claims}."
    if unread:
        return f"Incomplete: {_first(unread, 3)} cannot be read; {what} otherwise{claims}."
    return f"Complete: {what}, {selection_text(outlook.params.selected)}, {_manner(outlook.manner)}{claims}."


def blast_radius(outlook: Outlook) -> JsonObject:
    """How much it is."""
    return {"objects": outlook.objects, "kinds": len(outlook.survey.choice.kinds)}


def forecast_of(outlook: Outlook) -> Forecast:
    """How long it may take: a rough figure, since sizes are not known."""
    rate = OBJECTS_PER_S if outlook.manner.full else UNCHANGED_PER_S
    return Forecast(
        seconds=round(1 + outlook.objects / rate, 1), limited_by="the API server's lists and the repository"
    )


def _target(outlook: Outlook) -> Target:
    """What the run locks: this selection of this cluster, so that others go on beside it."""
    selection = canonical(selection_json(outlook.params.selected))
    name = outlook.cluster.name or outlook.cluster.context
    return Target(kind="backups", name=f"{name}-{hashlib.sha256(selection).hexdigest()[:8]}")


def _bulk(claims: Sequence[Place], hooks: Sequence[Hook]) -> Bulk | None:
    items = [
        Item(
            target=Target(kind="persistentvolumeclaims", namespace=namespace, name=name),
            verb="not captured",
            group="volumes",
            # Said once by the finding; beside commands it would be said with each claim.
            why="" if hooks else "their data are in no backup of this format",
        )
        for namespace, name in claims
    ]
    items += [
        Item(
            target=hook.target,
            verb=RUN_HOOK,
            group=hook.phase,
            why=f"{hook.phase}{f' ({hook.rule})' if hook.rule else ''}: {printable(hook.trouble or hook.shown)}",
            data={"container": hook.container, "rule": hook.rule},
        )
        for hook in hooks
    ]
    return bulk_of(items, listed=LISTED) if items else None


def _gaps(survey: Survey) -> list[Finding]:
    findings = [
        Finding(
            level="warning",
            code="not_readable",
            text=(
                f"{one.kind.resource.qualified}{f' in {one.namespace}' if one.namespace else ''} cannot be read, so "
                f"the backup will be incomplete and the run fail: {printable(one.error.message)[:200]}"
            ),
            subjects=(one.kind.resource.qualified, *((one.namespace,) if one.namespace else ())),
            override=f"--exclude-kinds {one.kind.resource.qualified}",
        )
        for one in survey.unread
    ]
    findings += [
        Finding(
            level="warning",
            code="not_discovered",
            text=(
                f"the kinds of group {gap.group or 'core'} are unknown, so the backup will be incomplete and the run "
                f"fail: {printable(gap.why)[:200]}"
            ),
            subjects=(gap.group,),
            override=f"--exclude-kinds *.{gap.group}",
        )
        for gap in survey.undiscovered
    ]
    return findings


def _volumes(claims: Sequence[Place]) -> list[Finding]:
    if not claims:
        return []
    return [
        Finding(
            level="warning",
            code="volumes_not_captured",
            text=(
                f"the DATA of {counted(len(claims), 'volume')} will NOT be in the backup, only their claims: the step "
                "`back up` lists them"
            ),
        )
    ]


def _others(outlook: Outlook) -> list[Finding]:
    survey = outlook.survey
    findings: list[Finding] = []
    if survey.missing:
        findings.append(
            Finding(
                level="warning",
                code="no_such_namespace",
                text=f"there is no namespace {_first(survey.missing, NAMED)}",
                subjects=survey.missing,
            )
        )
    if not outlook.encrypted:
        findings.append(
            Finding(
                level="warning",
                code="not_encrypted",
                text="whoever can read the repository can read every Secret in it: it is not encrypted",
                override="",
            )
        )
    if survey.choice.left_out:
        left_out = ", ".join(survey.choice.left_out)
        findings.append(_note("left_out", f"left out as ephemeral unless they are named: {left_out}"))
    if survey.choice.unmatched:
        findings.append(
            _note("no_such_kind", f"excluded and not served here: {', '.join(survey.choice.unmatched)}")
        )
    findings += _hooks(survey.hooks, outlook.params)
    if outlook.going:
        going = _first(outlook.going, NAMED)
        findings.append(_note("retention", f"retention would then take away {going}"))
    return findings


def _hooks(hooks: Sequence[Hook], params: BackupParams) -> list[Finding]:
    findings: list[Finding] = []
    for asking, some in (
        ("their annotations say", [hook for hook in hooks if not hook.rule]),
        ("--hooks says", [hook for hook in hooks if hook.rule]),
    ):
        if some:
            named = _first([f"{hook.phase} {hook.namespace}/{hook.pod}" for hook in some], NAMED)
            findings.append(_note("hooks", f"commands are run in pods, as {asking}: {named}"))
    used = {hook.rule for hook in hooks}
    findings += [
        Finding(
            level="warning",
            code="hook_without_pod",
            text=f"hook {rule.name} runs nowhere: no pod of this backup fits it, or each has annotations of its own",
            subjects=(rule.name,),
        )
        for rule in params.hooks
        if rule.name not in used
    ]
    return findings + [
        Finding(
            level="warning",
            code="bad_hook",
            text=f"the {hook.phase} hook of {hook.target.label} cannot be run: {printable(hook.trouble)}",
            subjects=(hook.target.label, hook.phase, *((hook.rule,) if hook.rule else ())),
            override="--annotated-hooks skip" if not hook.rule else "",
        )
        for hook in hooks
        if hook.trouble
    ]


def _note(code: str, text: str) -> Finding:
    return Finding(level="note", code=code, text=text)


def _manner(manner: Manner) -> str:
    return "all read" if manner.full else f"reading what changed since backup {manner.base}"


def _about(outlook: Outlook) -> str:
    selected = outlook.params.selected
    more_is_read = "" in outlook.survey.namespaces and not selected.all_namespaces
    if selected.selectors or more_is_read:
        return f"what matches of {counted(outlook.objects, 'object')}"
    return f"about {outlook.objects:,} objects" if outlook.objects else "no objects"


def _names_of(unread: Iterable[Unread]) -> list[str]:
    return list(dict.fromkeys(one.kind.resource.qualified for one in unread))


def _first(names: Sequence[str], count: int) -> str:
    shown = ", ".join(printable(name) for name in names[:count])
    return f"{shown} and {len(names) - count:,} more" if len(names) > count else shown
