"""The keys a policy file pins, ready to check statements with: persons' own, and bots that attest for persons."""

from __future__ import annotations

from collections.abc import Iterator

from k8sops.core.errors import UsageError
from k8sops.policy.keys import parse_public
from k8sops.policy.model import PinnedKey, PolicyFile
from k8sops.policy.statements import TrustedKey, TrustedKeys, trusted_keys


def pinned_keys(policy: PolicyFile) -> TrustedKeys:
    """Every pin by its key's id. Raises UsageError for a key pinned twice or whose id is another's."""
    return trusted_keys((*_persons(policy), *_bots(policy)))


def _persons(policy: PolicyFile) -> Iterator[TrustedKey]:
    for name, entry in policy.people.items():
        for pin in entry.keys:
            yield _trusted(TrustedKey(public_key=parse_public(pin.key), person=name), pin, f"people.{name}")


def _bots(policy: PolicyFile) -> Iterator[TrustedKey]:
    for pin in policy.attestation.slack:
        persons = frozenset(
            name
            for name, entry in policy.people.items()
            if any(user.team == pin.team for user in entry.slack)
        )
        key = TrustedKey(public_key=parse_public(pin.key), attested_by="slack", attests_for=persons)
        yield _trusted(key, pin, "attestation.slack")


def _trusted(key: TrustedKey, pin: PinnedKey, where: str) -> TrustedKey:
    if key.public_key.key_id != pin.id:
        raise UsageError(
            f"{where}: key id {pin.id} is not that of the key beside it, which is {key.public_key.key_id}",
            hint="one of the two was copied wrongly; `k8sops identity show` prints both",
        )
    return key
