"""Actions of the repository family, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec
from k8sops.core.risk import Risk

REPOSITORY_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="prune_backups",
        command="backups prune",
        module="k8sops.actions.backups.prune",
        action_class="Prune",
        params_class="PruneParams",
        summary="Remove backups, by name or by a rule, and files that nothing needs.",
        details=(
            "The plan names every backup that goes, and why. A backup is held by any rule that fits it; the newest "
            "complete one is never removed. Removed backups are gone at once, their files are deleted by a prune a day "
            "later at the earliest: run it again, or on a schedule. Without backups and without a rule only files are "
            "looked after."
        ),
        examples=(
            "k8sops backups prune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --plan",
            "k8sops backups prune 17 18 --repo s3-main",
            "k8sops backups prune --plan",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="backup.prune",
        verbs=(),
        repositories=True,
        elsewhere="about a repository: the command line",
    ),
    ActionSpec(
        name="copy_backups",
        command="backups copy",
        module="k8sops.actions.backups.copy",
        action_class="CopyBackups",
        params_class="CopyParams",
        summary="Copy a repository to another place, or bring a copy up to date.",
        details=(
            "The copy is the same repository, under the same keys and signatures. Only what it lacks is sent, and "
            "every file is held against its digest. Where the copy has what its source has not, nothing is copied: one "
            "of the two was rolled back or written to."
        ),
        examples=(
            "k8sops backups copy s3://backups-elsewhere/nightly",
            "k8sops backups copy offsite --repo main --plan",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="backup.copy",
        verbs=(),
        repositories=True,
        elsewhere="about a repository: the command line",
    ),
    ActionSpec(
        name="rekey_backups",
        command="backups rekey",
        module="k8sops.actions.backups.rekey",
        action_class="Rekey",
        params_class="RekeyParams",
        summary="Change who can open a repository's backups.",
        details=(
            "--add lets a further age recipient open what this installation can open, and what comes. --recipient "
            "begins a new epoch for exactly those named: nothing is written anew, so a recipient who is left out keeps "
            "what they could read, and reads nothing that is made from now on."
        ),
        examples=(
            "k8sops backups rekey --add age1…",
            "k8sops backups rekey --recipient age1… --recipient age1… --plan",
        ),
        risks=(Risk.READ, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="backup.rekey",
        verbs=(),
        repositories=True,
        elsewhere="about a repository: the command line",
    ),
    ActionSpec(
        name="import_backup",
        command="backups import",
        module="k8sops.actions.backups.import_velero",
        action_class="ImportVelero",
        params_class="ImportParams",
        summary="Take over a backup that Velero made.",
        details=(
            "Reads the tar.gz that `velero backup download` gives; nothing is unpacked to disk. It becomes a backup "
            "like any other: it can be browsed, compared and restored. The data of volumes are not in it, and what "
            "Velero left out is not known."
        ),
        examples=(
            "k8sops backups import nightly-20261120.tar.gz",
            "k8sops backups import old.tar.gz --name before-the-move --plan",
        ),
        risks=(Risk.LOW,),
        idempotent=True,
        policy_key="backup.import",
        verbs=(),
        repositories=True,
        elsewhere="about a repository: the command line",
    ),
    ActionSpec(
        name="remove_bundles",
        command="bundles remove",
        module="k8sops.actions.backups.remove_bundles",
        action_class="RemoveBundles",
        params_class="RemoveBundlesParams",
        summary="Remove log bundles from a repository, by name or by age.",
        details=(
            "The plan names every bundle that goes. They are gone at once, files and all, and cannot be brought back; "
            "that they were removed stays on record in the repository. --older-than on a schedule keeps no bundle for "
            "longer than that."
        ),
        examples=(
            "k8sops bundles remove 01KAJ4 --plan",
            "k8sops bundles remove --older-than 720h",
        ),
        risks=(Risk.READ, Risk.DISRUPTIVE, Risk.DESTRUCTIVE),
        idempotent=True,
        policy_key="bundles.remove",
        verbs=(),
        repositories=True,
        elsewhere="about a repository: the command line",
    ),
)
