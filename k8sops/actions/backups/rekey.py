"""The action `backups rekey`: further recipients for what is there, or a new epoch for others (FORMAT.md, Keys)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar, Final

from pydantic import field_validator, model_validator

from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.actions.backups.telling import repository_target, signer_of
from k8sops.actions.backups.writable import unwritable
from k8sops.actions.planning import make_plan, no_change, walk_steps
from k8sops.backup.keys import check_recipient
from k8sops.backup.vault.rekeying import (
    KeyProspect,
    Rekeying,
    add_recipients,
    begin_epoch,
    shown_recipient,
    survey_keys,
)
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.journal import Journal
from k8sops.core.params import Params, PlainText, option
from k8sops.core.plan import Finding, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.text import counted

NAMED: Final = 4
ADD: Final = "rekey/add"
EPOCH: Final = "rekey/epoch"
RISK: Final = Risk.DISRUPTIVE
"""Who can read every Secret there is, or no backup that comes: nobody takes that back."""


class RekeyParams(Params):
    """For whom."""

    add: tuple[PlainText, ...] = option(
        "A further age recipient (age1…) for all backups that this installation can open, and for the next ones.",
        metavar="RECIPIENT",
        default=(),
    )
    recipient: tuple[PlainText, ...] = option(
        "Begin a new epoch for exactly these age recipients: who is not named reads no backup that is made from now "
        "on, and keeps what they could read.",
        metavar="RECIPIENT",
        default=(),
    )
    accept_lost_epoch: bool = option(
        "Begin an epoch although no key of the newest one, which backups stand under, is left: those are lost.",
        default=False,
    )
    repo: PlainText = option(
        "The repository: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )

    @field_validator("add", "recipient")
    @classmethod
    def _recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                check_recipient(text)
            except K8sOpsError as error:
                raise ValueError(error.message) from error
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _something(self) -> RekeyParams:
        if not self.add and not self.recipient:
            raise ValueError("say for whom: --add, or --recipient for a new epoch")
        return self


class Rekey:
    """Changes who opens a repository."""

    name: ClassVar[str] = "rekey_backups"
    version: ClassVar[int] = 1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories: Final = repositories

    async def plan(self, params: RekeyParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read the key files."""
        opened = await self._repositories.open(params.repo)
        opened.check_own()
        prospect = await survey_keys(opened.vault, add=params.add, next_for=params.recipient)
        steps = _steps(opened, params, prospect)
        blockers = [*(await unwritable(opened.vault.storage) if steps else ()), *_locked_out(prospect)]
        findings = [*blockers, *_lost(params, prospect), *_findings(opened, prospect, steps)]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(params, prospect, findings),
            steps=steps,
            findings=findings,
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Put the key files."""
        await walk_steps(plan, journal, partial(self._do, RekeyParams.model_validate(plan.params)))

    async def _do(self, params: RekeyParams, step: Step) -> str:
        # Opened for each step: the one before may have begun an epoch.
        opened = await self._repositories.open(params.repo, writing=True)
        who = Rekeying(signer=signer_of(opened))
        if step.id == ADD:
            epochs = await add_recipients(opened.vault, who, params.add)
            return f"{counted(len(params.add), 'recipient')} added to {counted(len(epochs), 'epoch')}"
        recipients = {*params.recipient, *params.add}
        epoch = await begin_epoch(opened.vault, who, recipients, accept_lost=params.accept_lost_epoch)
        if not epoch:
            return "the newest epoch is for just these recipients already"
        return f"epoch {epoch} begun, for {counted(len(recipients), 'recipient')}"


def _steps(opened: OpenRepository, params: RekeyParams, prospect: KeyProspect) -> list[Step]:
    steps = []
    target = repository_target(opened)
    if prospect.add_to:
        steps.append(
            Step(
                id=ADD,
                verb="add recipients",
                target=target,
                why="they are to read what is there",
                before={},
                after={f"epoch {epoch}": list(params.add) for epoch in prospect.add_to},
                risk=RISK,
            )
        )
    if prospect.next_epoch:
        steps.append(
            Step(
                id=EPOCH,
                verb="begin epoch",
                target=target,
                why="others are to read what will be",
                before={"recipients": _shown(prospect.current)},
                after={"recipients": _shown({*params.recipient, *params.add})},
                risk=RISK,
            )
        )
    return steps


def _lost(params: RekeyParams, prospect: KeyProspect) -> list[Finding]:
    if not (prospect.lost and prospect.next_epoch):
        return []
    return [
        Finding(
            level="warning" if params.accept_lost_epoch else "blocker",
            code="epoch_lost",
            text=(
                f"no key file of epoch {prospect.lost} is left that gives a key, and backups stand under it: they "
                "cannot be read unless the folder keys/ comes back. The new epoch passes over it"
            ),
            subjects=(str(prospect.lost),),
            override="--accept-lost-epoch",
        )
    ]


def _locked_out(prospect: KeyProspect) -> list[Finding]:
    if not prospect.locks_out:
        return []
    return [
        Finding(
            level="blocker",
            code="locks_itself_out",
            text=(
                f"epoch {prospect.next_epoch} would not open here, so that no backup could be made from here any more: "
                "name with --recipient that of an age identity that is given here, too; `k8sops backups key` prints it"
            ),
        )
    ]


def _findings(opened: OpenRepository, prospect: KeyProspect, steps: list[Step]) -> list[Finding]:
    found = []
    if prospect.left_out:
        named = ", ".join(_shown(prospect.left_out))
        found.append(
            Finding(
                level="warning",
                code="keeps_what_it_could_read",
                text=(
                    f"left out of the new epoch, but able to read everything made until now: {named}. If whoever holds "
                    "that key could also sign, take their key out of `trusted_signers`"
                ),
                subjects=tuple(_shown(prospect.left_out)),
            )
        )
    if prospect.only_new:
        named = ", ".join(_shown(prospect.only_new))
        found.append(
            Finding(
                level="warning",
                code="reads_only_what_is_new",
                text=(
                    f"not able to read a backup as long as it rests on files of earlier epochs, as the next ones will: "
                    f"{named}. Say --add for them instead, and they can"
                ),
                subjects=tuple(_shown(prospect.only_new)),
            )
        )
    if prospect.closed:
        closed = ", ".join(map(str, sorted(prospect.closed)))
        found.append(
            Finding(
                level="warning",
                code="epoch_closed",
                text=f"nobody can be added to epoch {closed} from here: no identity that was given opens it",
            )
        )
    if prospect.unproven:
        named = ", ".join(f"keys/{epoch}" for epoch in sorted(prospect.unproven)[:NAMED])
        more = f" and {len(prospect.unproven) - NAMED} more" if len(prospect.unproven) > NAMED else ""
        found.append(
            Finding(
                level="warning",
                code="epoch_unproven",
                text=(
                    f"passed over: {named}{more}. Its key files give no key here and no backup was made under it: "
                    "either somebody began it for others, who should be asked first, or whoever can write to the "
                    "storage left them"
                ),
            )
        )
    if not steps:
        found.append(no_change(f"{opened.location}: the keys are for those already", opened.location))
    return found


def _summary(params: RekeyParams, prospect: KeyProspect, findings: Sequence[Finding]) -> str:
    parts = []
    if prospect.add_to:
        parts.append(
            f"{counted(len(params.add), 'recipient')} added to {counted(len(prospect.add_to), 'epoch')}"
        )
    if prospect.next_epoch:
        parts.append(f"epoch {prospect.next_epoch} begins")
    if prospect.left_out:
        parts.append(
            f"{counted(len(prospect.left_out), 'recipient')} left out, who keep what they could read"
        )
    verdict = "Blocked" if any(finding.level == "blocker" for finding in findings) else "Disruptive"
    return f"{verdict}: {'; '.join(parts)}." if parts else "Nothing to do: the keys are for those already."


def _shown(recipients: Iterable[str]) -> list[str]:
    return sorted(map(shown_recipient, recipients))


__all__ = ["Rekey", "RekeyParams"]
