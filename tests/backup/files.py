"""What the tests of several formats share: keyrings, signers, entropy that repeats, and ways to damage a file."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from k8sops.backup.keyring import Keyring
from k8sops.backup.listing import Kind
from k8sops.backup.sealed import Entropy
from k8sops.backup.signed import Trusted
from k8sops.policy.keys import SigningKey

REPOSITORY = "01JD7Q8Z4N5X6Y7V8W9ABCDEFG"
CLUSTER = "0b9d3a52-7f5e-4f0e-9d0a-52a1c9a6b001"
OTHER_CLUSTER = "0b9d3a52-7f5e-4f0e-9d0a-52a1c9a6b002"
ID_KEY = b"i" * 32
SEALED = Keyring(REPOSITORY, ID_KEY, {1: b"1" * 32, 2: b"2" * 32})
PLAIN = Keyring(REPOSITORY, ID_KEY, {})
KEYRINGS = {"sealed": SEALED, "plain": PLAIN}

contents = st.lists(st.binary(max_size=200), min_size=1, max_size=5)


def counted(seed: str = "") -> Entropy:
    """Bytes that differ from call to call and are the same in every run."""
    calls = 0

    def entropy(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{seed} {calls}".encode()).digest(size)

    return entropy


def flipped(data: bytes, at: int, mask: int) -> bytes:
    """The bytes with some bits of one of them turned over."""
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def every_flip(data: bytes) -> list[bytes]:
    """The bytes with one bit turned over, for each byte another bit."""
    return [flipped(data, at, 1 << at % 8) for at in range(len(data))]


def every_end(data: bytes) -> list[bytes]:
    """All that is left of the bytes when they end too early."""
    return [data[:size] for size in range(len(data))]


def signing_key(name: str) -> SigningKey:
    """Somebody's key, the same in every run."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


ALICE, MALLORY = signing_key("alice"), signing_key("mallory")
TRUSTED: Trusted = {ALICE.key_id: ALICE.public}


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def kind_of(group: str, resource: str, *, namespaced: bool = True) -> Kind:
    """A kind as a listing has it."""
    return Kind(
        group=group,
        version="v1",
        resource=resource,
        kind=resource.title(),
        namespaced=namespaced,
        served=("v1",),
        preferred="v1",
        resource_version="7",
    )
