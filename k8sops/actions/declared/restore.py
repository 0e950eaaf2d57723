"""Actions that bring back what a backup holds, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

RESTORE_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="restore",
        module="k8sops.actions.backups.restoring.action",
        action_class="RestoreBackup",
        params_class="RestoreParams",
        summary="Put objects of a backup back, and compare cluster and backup afterwards.",
        details=(
            "The plan is a preview: the API server tries every object by a dry run, and each is created, unchanged, "
            "changed (with its differences), in conflict, refused (and why), or cannot be tried before what it needs "
            "is there. Objects come back in the order they need each other; what controllers make is left to them. "
            "Afterwards every object is compared with the backup: anything less than all of it exits 1 and is named."
        ),
        examples=(
            "k8sops restore latest -n shop --plan",
            "k8sops restore latest -n shop --object configmap/settings --existing update",
            "k8sops restore @14:05 -n shop --namespace-mapping shop:shop-copy",
            "k8sops restore 17 --from-cluster production --repo offsite",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="backup.restore",
        verbs=(
            Verb(verb="get", resource="*", group="*"),
            Verb(verb="list", resource="*", group="*"),
            Verb(verb="create", resource="*", group="*"),
            Verb(verb="patch", resource="*", group="*"),
            Verb(verb="delete", resource="*", group="*"),
            Verb(verb="list", resource="namespaces"),
        ),
        repositories=True,
        every_kind=True,
        elsewhere="from a backup: `:backups`",
    ),
)
