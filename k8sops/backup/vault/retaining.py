"""A retention rule applied to a cluster's backups: those of one selection are judged together, newest first.

What cannot be read is not judged, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from k8sops.backup.bodies import BackupBody
from k8sops.backup.chain import Chain
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.retention import Candidate, Retention, Verdict, decide
from k8sops.backup.selection import choice_key
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.pruning import Pruned, Pruner, prune
from k8sops.core.clock import parse_rfc3339


class Judged(msgspec.Struct, frozen=True):
    """A backup and what becomes of it; `body` is None where it cannot be read."""

    verdict: Verdict
    body: BackupBody | None


async def judge(
    vault: Vault, chain: Chain, retention: Retention, *, selection: Mapping[str, Any] | None = None
) -> list[Judged]:
    """What becomes of each backup of a cluster, or of those of one selection; newest first."""
    bodies: dict[int, BackupBody] = {}
    groups: dict[bytes, list[Candidate]] = {}
    judged: list[Judged] = []
    for seq in chain.live:
        try:
            body = await body_of(vault, chain, seq)
        except (RepositoryError, RepositoryKeyError) as error:
            if selection is None:
                verdict = Verdict(seq=seq, keep=True, why=f"it cannot be read: {error.message}")
                judged.append(Judged(verdict, None))
            continue
        if selection is not None and choice_key(body.selection) != choice_key(selection):
            continue
        bodies[seq] = body
        candidate = Candidate(seq=seq, made_at=parse_rfc3339(body.made_at), complete=body.complete)
        groups.setdefault(choice_key(body.selection), []).append(candidate)
    for group in groups.values():
        verdicts = decide(group, retention, vault.clock.now())
        judged += [Judged(verdict, bodies[verdict.seq]) for verdict in verdicts]
    return sorted(judged, key=lambda each: each.verdict.seq, reverse=True)


async def retain(
    vault: Vault, who: Pruner, cluster: str, selection: Mapping[str, Any], retention: Retention
) -> Pruned:
    """Take away what the rule no longer holds of one cluster's backups of one selection, and sweep.

    What a schedule does after its backup. Raises what `prune` raises.
    """
    judged = await judge(vault, await load_chain(vault, cluster), retention, selection=selection)
    going = [each.verdict.seq for each in judged if not each.verdict.keep]
    return await prune(vault, who, {cluster: going}, retention.as_json())
