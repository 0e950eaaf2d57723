"""Actions of the backup family, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

BACKUP_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="backup",
        module="k8sops.actions.backups.backup",
        action_class="Backup",
        params_class="BackupParams",
        summary="Back up a cluster, or part of it, to a repository.",
        details=(
            "What did not change since the last backup of the same selection is not read again, and nothing is stored "
            "twice. A backup that lacks anything it should hold is marked incomplete, and its run has failed. The data "
            "of volumes are not captured: the plan and the backup name every claim, the run how many. --keep-… and "
            "--ttl remove older backups of the same cluster and selection, once this one is complete; never "
            "the last good one."
        ),
        examples=(
            "k8sops backup --repo file:///srv/backups --plan",
            "k8sops backup --include-namespaces 'team-*' --exclude-kinds secrets",
            "k8sops backup --name nightly --keep-last 7 --keep-weekly 4",
            "k8sops backup -l app=web --include-namespaces shop --full",
        ),
        risks=(Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="backup.create",
        verbs=(
            Verb(verb="get", resource="*", group="*"),
            Verb(verb="list", resource="*", group="*"),
            Verb(verb="watch", resource="*", group="*"),
            Verb(verb="create", resource="pods/exec", where_planned=True),
        ),
        repositories=True,
        every_kind=True,
        # A claim that is new, or a kind that cannot be read, must not keep tonight's backup waiting for a person.
        standing_warnings=(
            "bad_hook",
            "hook_without_pod",
            "no_such_namespace",
            "not_discovered",
            "not_readable",
            "volumes_not_captured",
        ),
        elsewhere="about a whole cluster: `:backups`",
    ),
)
