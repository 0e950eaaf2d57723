"""Identities as people manage them: enrol a key, see whose it is, have an administrator check it, withdraw the request.

What the cluster says of a key is `identity`'s; here it is put on record, and said in the policy's own words. A row in
the store is evidence that somebody looked, never a pin: carriers believe their policy file alone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor, Identity
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import Clock, SystemClock, UlidSource
from k8sops.core.errors import EnrolmentError, KeyFileError, NotFoundError, UsageError
from k8sops.policy.keys import KEY_ID, PublicKey, SigningKey
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.service import identity
from k8sops.service.config import Config
from k8sops.service.identity import Enrolment, claimed_key, key_path, own_key, policy_lines
from k8sops.service.identity_request import read_request, request_name
from k8sops.service.policies import load_rules, names_of_clusters
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.statement_rows import EnrolmentRow, insert_enrolment

Code = Literal["identity.enrolled", "identity.verified"]
FILE_LIMIT: Final = 64 * 1024


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A key and what is known of it."""

    key_id: str
    public_key: str
    key_file: str = ""
    person: str = ""
    """Whose the policy says it is; empty where it does not pin it."""
    username: str = ""
    known_as: str = ""
    """The person the policy maps the username to; empty where nobody."""
    shared: bool = False
    trust: str = "local"
    lines: str = ""
    """What an administrator adds to the policy, as YAML; empty where nothing is missing."""
    enrolment: Enrolment | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands in the way of signing with it, a sentence each."""
        found = list(self.enrolment.notes if self.enrolment else ())
        if self.shared:
            found.append(f"{self.username} is a name several people use: it may propose, and never approves")
        if self.person and self.known_as and self.person != self.known_as:
            found.append(f"the key is {self.person}'s, but the cluster knows you as {self.known_as}")
        if not self.person and self.trust == "signed":
            found.append("the policy does not pin this key: nothing can be signed with it yet")
        return tuple(found)


class Identities:
    """What one process can do about identities on one cluster."""

    def __init__(self, cluster: KubeCluster, config: Config, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._path = config.identity_key or key_path(os.environ)
        self._policy: Policy = load_rules(config, clock).policy
        self._storage = Storage(config, clock, UlidSource())

    async def enrol(self) -> Standing:
        """Make the key where there is none, have the API server stamp it, and put that on record."""
        await self._storage.database()  # a store that is away is told before anything is made
        key = await asyncio.to_thread(own_key, self._path, create=True)
        found = await identity.enrol(self._cluster, key)
        who = await self._cluster.whoami()
        await self._recorded("identity.enrolled", found, who)
        return self._standing(key.public, who, found, file=str(self._path))

    async def show(self) -> Standing:
        """The key of this user, and whose it is. Raises KeyFileError where there is none."""
        key = await self._key()
        return self._standing(key.public, await self._cluster.whoami(), None, file=str(self._path))

    async def attest(self, given: str, *, person: str = "") -> Standing:
        """Check a person's key against what the API server stamped, and put that on record.

        `given` is the key's text, its id, or a file with either. Raises KeyFileError, EnrolmentError.
        """
        key = await self._claimed(await asyncio.to_thread(_text_of, given))
        await self._storage.database()
        found = await identity.attest(self._cluster, key)
        await self._recorded("identity.verified", found, await self._cluster.whoami())
        stamped = Identity(username=found.username, groups=found.groups)
        return self._standing(key, stamped, found, person=person)

    async def withdraw(self, given: str = "") -> tuple[Enrolment, bool]:
        """Delete a key's request, this user's own unless another is given; False where it was gone."""
        key = (
            await self._claimed(await asyncio.to_thread(_text_of, given))
            if given
            else (await self._key()).public
        )
        found = await identity.attest(self._cluster, key)
        return found, await identity.withdraw(self._cluster, found)

    async def aclose(self) -> None:
        """Close the store."""
        await self._storage.aclose()

    async def _key(self) -> SigningKey:
        return await asyncio.to_thread(own_key, self._path, create=False)

    async def _claimed(self, text: str) -> PublicKey:
        if not KEY_ID.fullmatch(text):
            return claimed_key(text)
        try:
            stored = await self._cluster.get(identity.REQUESTS, request_name(text))
        except NotFoundError as error:
            raise EnrolmentError(
                f"cluster {self._cluster.info.name} has no enrolment request for key {text}",
                hint="its owner runs `k8sops identity enrol`; Kubernetes removes the request after 24 hours",
            ) from error
        return _key_in(stored, text)

    def _standing(
        self, key: PublicKey, who: Identity, found: Enrolment | None, *, person: str = "", file: str = ""
    ) -> Standing:
        uid = self._cluster.info.uid
        known = self._policy.person_of(Actor(name=who.username), uid)
        pin = pinned_keys(self._policy.file).get(key.key_id)
        name = person or known.name or _guessed(who.username)
        lines = ""
        if pin is None:
            shown = found or _unproved(self._cluster, key, who)
            lines = policy_lines(shown, name)
        return Standing(
            key_id=key.key_id,
            public_key=key.text,
            key_file=file,
            person=pin.person if pin else "",
            username=who.username,
            known_as=known.name,
            shared=known.shared,
            trust=self._policy.trust,
            lines=lines,
            enrolment=found,
        )

    async def _recorded(self, code: Code, found: Enrolment, who: Identity) -> None:
        database, books = await self._storage.database(), await self._storage.books()
        actor = Actor(name=who.username, groups=who.groups, auth="self_subject_review")
        person = self._policy.person_of(actor, found.cluster_uid).name
        evidence: dict[str, Any] = msgspec.to_builtins(found)

        def work(tx: Tx) -> None:
            insert_enrolment(
                tx,
                EnrolmentRow(
                    key_id=found.key_id,
                    public_key=found.public_key,
                    person=person if code == "identity.enrolled" else "",
                    cluster_uid=found.cluster_uid,
                    username=found.username,
                    groups=msgspec.json.encode(found.groups).decode(),
                    evidence=msgspec.json.encode(evidence).decode(),
                ),
            )
            entry = AuditEntry(
                code=code,
                at=tx.now(),
                actor=actor,
                person=person,
                cluster_uid=found.cluster_uid,
                cluster_name=found.cluster_name,
                policy_version=self._policy.version,
                outcome=code.partition(".")[2],
                data={
                    "key": found.key_id,
                    "username": found.username,
                    "groups": list(found.groups),
                    "request": found.request,
                    "request_uid": found.request_uid,
                },
            )
            books.chain(tx, [entry])

        await database.write(work, name=code)


@asynccontextmanager
async def open_identities(config: Config) -> AsyncIterator[Identities]:
    """Connect, and offer what there is to do about identities. Raises what connecting raises, and PolicyError."""
    from k8sops.cluster.connect import connect

    clock = SystemClock()
    cluster = await connect(
        context=config.context or None,
        kubeconfig=config.kubeconfig or None,
        impersonate=config.impersonation(),
        clock=clock,
        cluster_names=names_of_clusters(config),
    )
    identities = Identities(cluster, config, clock)
    try:
        yield identities
    finally:
        await identities.aclose()
        await cluster.aclose()


def _text_of(given: str) -> str:
    """A key's text or id, or what stands in the file of that name."""
    given = given.strip()
    if KEY_ID.fullmatch(given) or given.startswith("ed25519:"):
        return given
    path = Path(given).expanduser()
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise KeyFileError(f"{path} is too large to be a public key")
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{given[:80]!r} is neither a public key, a key's id, nor a file that can be read",
            hint="a key looks like ed25519:BASE64, an id like 39f713d0a644253f",
        ) from error
    if "PRIVATE KEY" in text:
        raise KeyFileError(
            f"{path} holds a private key, which nobody should send",
            hint="its owner keeps it, and sends the line `k8sops identity show` prints",
        )
    return text


def _key_in(stored: dict[str, Any], key_id: str) -> PublicKey:
    where = f"the request of key {key_id}"
    try:
        pem = base64.b64decode(str(stored["spec"]["request"]), validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise EnrolmentError(f"{where} cannot be read") from error
    key = read_request(pem, where).public_key
    if key.key_id != key_id:
        raise EnrolmentError(f"{where} holds another key, {key.key_id}")
    return key


def _guessed(username: str) -> str:
    """A name for a person nobody has named yet: what stands before the @."""
    return username.partition("@")[0].rpartition(":")[2] or username


def _unproved(cluster: KubeCluster, key: PublicKey, who: Identity) -> Enrolment:
    """What this user says of themselves: display, which an administrator checks with `identity attest`."""
    return Enrolment(
        cluster_uid=cluster.info.uid,
        cluster_name=cluster.info.name,
        username=who.username,
        groups=who.groups,
        uid=who.uid,
        key_id=key.key_id,
        public_key=key.text,
        request="",
        request_uid="",
        resource_version="",
        created="",
    )
