"""Checkpoints: a process's signed word on what the chain was at a moment.

A checkpoint is one line of canonical JSON, `{"checkpoint":{at,hash,key,origin,seq},"signature":BASE64}`; the signature
is Ed25519 over a domain and the exact bytes of the inner object. Whoever holds one can prove later that records up to
its sequence were not rewritten or cut off. Keys come from outside (`Signer`, `Verifier`): the ones that sign
statements do. Checkpoints also go to a create-only `CheckpointSink`, where the store's owner cannot take them back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, Protocol, TypeVar

import msgspec

from k8sops.audit.canonical import WHOLE, canonical, is_time
from k8sops.audit.record import HASH, STORE_ID
from k8sops.core.clock import rfc3339
from k8sops.core.errors import AuditError

CHECKPOINT_LIMIT: Final = 4096
KEY_ID: Final = re.compile(r"[0-9a-f]{8,64}")

_COMPACT: Final = str.maketrans("", "", "-:.")
_DOMAIN: Final = b"k8sops audit checkpoint 1\0"

T = TypeVar("T")
Standing = Literal["trusted", "unknown", "forged"]


class Signer(Protocol):
    """A private key that signs checkpoints."""

    @property
    def key_id(self) -> str:
        """The id its public half is pinned under."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032), 64 bytes."""
        ...


class CheckpointKey(Protocol):
    """The public half of such a key."""

    @property
    def key_id(self) -> str:
        """The id checkpoints name."""
        ...

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, of exactly this message."""
        ...


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed: at this time, the chain of store `origin` had this hash at this sequence.

    Fields stand in the order of the alphabet, which is the order they are written in.
    """

    at: str
    hash: str
    key: str
    origin: str
    seq: int


class CheckpointLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signed checkpoint as it is written."""

    checkpoint: Checkpoint
    signature: bytes


# Made here, before any thread, for the reason that `store.runs` gives.
_CHECKPOINT: Final = msgspec.json.Decoder(Checkpoint)
_LINE: Final = msgspec.json.Decoder(CheckpointLine)


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint with its signature; `body` is exactly what was signed, and what the store keeps."""

    checkpoint: Checkpoint
    signature: bytes

    @property
    def body(self) -> bytes:
        """The signed bytes, without their domain."""
        return canonical(self.checkpoint)

    @property
    def line(self) -> bytes:
        """The one line of an export or a sink, without its end."""
        return canonical(CheckpointLine(self.checkpoint, self.signature))

    @property
    def name(self) -> str:
        """The name in a sink: sorts by store, then sequence; a key may sign the same record again later."""
        found = self.checkpoint
        at = found.at.translate(_COMPACT).lower()
        return f"checkpoint-{found.origin}-{found.seq:016d}-{found.key}-{at}.json"

    def standing(self, trusted: Mapping[str, CheckpointKey]) -> Standing:
        """Whether a trusted key signed it, a key nobody trusts may have, or it is not what the key signed."""
        key = trusted.get(self.checkpoint.key)
        if key is None:
            return "unknown"
        return "trusted" if key.verifies(self.signature, _DOMAIN + self.body) else "forged"


class CheckpointSink(Protocol):
    """A place that takes checkpoints and gives none back to be changed: a repository, or a folder."""

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes under a name that is new, durably; the same bytes again are no error.

        Raises AuditError where the name holds other bytes, or nothing can be written. Blocks.
        """
        ...


def sign_checkpoint(key: Signer, *, origin: str, seq: int, hash_: str, at: datetime) -> SignedCheckpoint:
    """Sign what the chain is now. `seq` 0 with the genesis hash is a store without records."""
    checkpoint = Checkpoint(at=rfc3339(at), hash=hash_, key=key.key_id, origin=origin, seq=seq)
    _check(checkpoint)
    return SignedCheckpoint(checkpoint, key.sign(_DOMAIN + canonical(checkpoint)))


def checkpoint_of_row(body: bytes, signature: bytes) -> SignedCheckpoint:
    """A checkpoint from the bytes the store keeps. Raises AuditError unless they are exactly those signed."""
    found = SignedCheckpoint(_decoded(body, _CHECKPOINT), bytes(signature))
    _check(found.checkpoint)
    if found.body != body:
        raise AuditError(
            f"the checkpoint at record {found.checkpoint.seq} is not in the form it was signed in"
        )
    return found


def parse_checkpoint(line: bytes) -> SignedCheckpoint:
    """A checkpoint from its line, with or without the line's end. Raises AuditError; the signature is not checked."""
    line = line.removesuffix(b"\n")
    wire = _decoded(line, _LINE)
    found = SignedCheckpoint(wire.checkpoint, wire.signature)
    _check(found.checkpoint)
    if found.line != line:
        raise AuditError(
            f"the checkpoint at record {found.checkpoint.seq} is not in the form it was signed in"
        )
    return found


def trusted_keys(*keys: CheckpointKey) -> dict[str, CheckpointKey]:
    """The keys by their ids, as verification takes them."""
    return {key.key_id: key for key in keys}


def _decoded(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    if len(data) > CHECKPOINT_LIMIT:
        raise AuditError(f"a checkpoint of {len(data):,} bytes is larger than any that is written")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AuditError(f"the bytes are not a checkpoint: {error}") from error


def _check(found: Checkpoint) -> None:
    if (
        not is_time(found.at)
        or HASH.fullmatch(found.hash) is None
        or STORE_ID.fullmatch(found.origin) is None
        or KEY_ID.fullmatch(found.key) is None
        or not 0 <= found.seq <= WHOLE
    ):
        raise AuditError(f"the checkpoint at record {found.seq} names no time, hash, store or key")
