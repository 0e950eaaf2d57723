"""Statements: what a person signed, as exact bytes that anybody with the pinned public key can check.

A statement is the RFC 8785 JSON of a fixed set of fields, signed with Ed25519 over a prefix that no other signature
of this program has. Only the one canonical spelling is accepted, so that one signature means one thing. Nothing here
reads a store, a clock or a policy file: callers bring keys, time and what they expect, and nothing else is believed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import rfc8785

from k8sops.core.actor import Surface
from k8sops.core.clock import parse_rfc3339, rfc3339
from k8sops.core.errors import K8sOpsError, StatementError, UsageError
from k8sops.policy.keys import PublicKey, SigningKey, parse_public

Kind = Literal["propose", "vote", "cancel", "break_glass", "grant", "standing", "resume", "review"]
Attested = Literal["", "slack"]

FORMAT: Final = 1
DOMAIN: Final = b"k8sops statement 1\x00"
SIZE_LIMIT: Final = 8192
REASON_LIMIT: Final = 1000
SKEW: Final = timedelta(minutes=5)

HELD: Final = "hold"
"""The verdict of a proposal that is put to the vote and must not be carried out until its person signs the start."""
VERDICTS: Final[Mapping[Kind, frozenset[str]]] = {
    "propose": frozenset({"", HELD}),
    "vote": frozenset({"approve", "deny"}),
    "cancel": frozenset({""}),
    "break_glass": frozenset({""}),
    "grant": frozenset({""}),
    "standing": frozenset({""}),
    "resume": frozenset({"done", "retry", "abandon"}),
    "review": frozenset({"closed"}),
}
REASONED: Final[frozenset[Kind]] = frozenset({"break_glass", "review"})
ATTESTABLE: Final[frozenset[Kind]] = frozenset({"propose", "vote", "cancel"})
"""What a chat's bot may sign for a person; break-glass and what lasts longer than a run take the person's own key."""

LONGEST: Final[Mapping[Kind, timedelta]] = {
    "grant": timedelta(days=92),
    "standing": timedelta(days=366),
}
LONGEST_OTHERWISE: Final = timedelta(days=31)
SCHEDULE: Final = "schedule:"
"""What the subject of a standing approval begins with."""

_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_NONCE: Final = re.compile(r"[0-9A-Za-z]{22,64}")
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,262}")


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a person says about one subject. Raises StatementError where the fields do not fit each other."""

    kind: Kind
    run: str
    """What it is about: a run's id; for a grant its id, for a standing approval `schedule:NAME`."""
    digest: str
    """sha256 of the plan, the grant or the standing approval."""
    verdict: str = ""
    person: str
    cluster_uid: str
    execute_as: str = ""
    step: str = ""
    """`resume` only: the path of the step whose outcome it settles, so that it settles no second one."""
    attested_by: Attested = ""
    """Who vouches that the person said so, where it is not the person's own key."""
    reason: str = ""
    made_at: datetime
    expires_at: datetime
    nonce: str

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise StatementError(f"a {self.kind.replace('_', '-')} statement cannot be made: {problem}")


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as the store keeps it. Untrusted until `verify` has opened it."""

    body: bytes
    signature: bytes
    key_id: str


class TrustedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key that policy pins: a person's own, or a bot's that attests for the persons named."""

    public_key: PublicKey
    person: str = ""
    attested_by: Attested = ""
    attests_for: frozenset[str] = frozenset()

    def may_speak_for(self, person: str) -> bool:
        """Whether a statement of this person may bear this key's signature."""
        return person in self.attests_for if self.attested_by else person == self.person


TrustedKeys = Mapping[str, TrustedKey]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement must be about to count: the caller's own knowledge, never read from the statement."""

    run: str
    digest: str
    cluster_uid: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that was checked, and the key it was checked with. Made by `verify` only."""

    statement: Statement
    key_id: str

    @property
    def person(self) -> str:
        """Who said it: the pin's word, which the statement's own was compared with."""
        return self.statement.person

    @property
    def surface(self) -> Surface:
        """`slack` where the chat's bot attests, else `cli`: one's own key is the same at every other door."""
        return self.statement.attested_by or "cli"


def trusted_keys(keys: Iterable[TrustedKey]) -> TrustedKeys:
    """Pinned keys by their ids, which are computed, not believed. Raises UsageError for a key pinned twice."""
    found: dict[str, TrustedKey] = {}
    for key in keys:
        if bool(key.person) == bool(key.attested_by):
            raise UsageError(
                f"key {key.public_key.key_id} must be either one person's or a bot's that attests for persons"
            )
        other = found.setdefault(key.public_key.key_id, key)
        if other is not key:
            raise UsageError(
                f"key {key.public_key.key_id} is pinned for {_whose(other)} and again for {_whose(key)}",
                hint="a key belongs to one person: remove the pin that is wrong from the policy",
            )
    return found


def person_key(person: str, public_key: str) -> TrustedKey:
    """A person's pin from its text in the policy. Raises KeyFileError."""
    return TrustedKey(public_key=parse_public(public_key), person=person)


def statement_bytes(statement: Statement) -> bytes:
    """The canonical bytes: what is stored, signed and compared (RFC 8785)."""
    fields: dict[str, Any] = msgspec.structs.asdict(statement)
    fields["format"] = FORMAT
    fields["made_at"], fields["expires_at"] = rfc3339(statement.made_at), rfc3339(statement.expires_at)
    canonical: bytes = rfc8785.dumps(fields)
    return canonical


def sign(statement: Statement, key: SigningKey) -> Signed:
    """The statement with a signature of exactly its bytes."""
    body = statement_bytes(statement)
    if len(body) > SIZE_LIMIT:
        raise StatementError(f"the statement has {len(body)} bytes, at most {SIZE_LIMIT} are accepted")
    return Signed(body=body, signature=key.sign(DOMAIN + body), key_id=key.key_id)


def verify(
    signed: Signed,
    trusted: TrustedKeys,
    *,
    now: datetime,
    about: About,
    seen: Container[str] = frozenset(),
) -> Verified:
    """The statement, if a pinned key of the person it names signed it, it is in time, and it is `about` this.

    `seen` are nonces of statements that have had their effect. Raises StatementError, one sentence that names what
    does not hold; text from inside a statement is quoted only after its signature was found good.
    """
    verified = authentic(signed, trusted)
    check(verified.statement, now=now, about=about, seen=seen)
    return verified


def check(statement: Statement, *, now: datetime, about: About, seen: Container[str] = frozenset()) -> None:
    """Raise StatementError unless an authentic statement is about this, in time, and has had no effect yet."""
    _check_about(statement, about)
    _check_time(statement, now)
    if statement.nonce in seen:
        raise StatementError(f"{_named(statement)} has been used before (nonce {statement.nonce})")


def authentic(signed: Signed, trusted: TrustedKeys) -> Verified:
    """The statement, if a pinned key that may speak for the person signed exactly these bytes; whenever that was.

    Raises StatementError.
    """
    if len(signed.body) > SIZE_LIMIT:
        raise StatementError(f"a statement has {len(signed.body)} bytes, at most {SIZE_LIMIT} are accepted")
    key = trusted.get(signed.key_id)
    if key is None:
        raise StatementError(
            f"a statement is signed with key {signed.key_id[:64]!r}, which the policy does not pin",
            hint="an administrator pins it: `k8sops identity show` prints the lines",
        )
    if not key.public_key.verifies(signed.signature, DOMAIN + signed.body):
        raise StatementError(f"a statement is not signed with key {key.public_key.key_id} of {_whose(key)}")
    statement = parse_statement(signed.body)
    _check_speaker(statement, key)
    return Verified(statement=statement, key_id=key.public_key.key_id)


def parse_statement(body: bytes) -> Statement:
    """The statement in these bytes, of which nothing is proved yet. Raises StatementError unless canonical."""
    if len(body) > SIZE_LIMIT:
        raise StatementError(f"a statement has {len(body)} bytes, at most {SIZE_LIMIT} are accepted")
    try:
        wire = _WIRE.decode(body)
        if wire.format != FORMAT:
            raise StatementError(
                f"a statement has format {wire.format}; this version reads {FORMAT}",
                hint="upgrade k8sops here, or sign with a version that is not newer",
            )
        statement = wire.statement()
        canonical = statement_bytes(statement) == body
    except K8sOpsError:
        raise
    except (msgspec.MsgspecError, ValueError, OverflowError, rfc8785.CanonicalizationError) as error:
        raise StatementError("a statement's bytes are not a statement") from error
    if not canonical:
        raise StatementError("a statement's bytes are not in the one form that is accepted (RFC 8785)")
    return statement


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields as they travel; all are always there."""

    format: int
    kind: Kind
    run: str
    digest: str
    verdict: str
    person: str
    cluster_uid: str
    execute_as: str
    step: str
    attested_by: Attested
    reason: str
    made_at: str
    expires_at: str
    nonce: str

    def statement(self) -> Statement:
        values = msgspec.structs.asdict(self)
        del values["format"]
        values["made_at"], values["expires_at"] = (
            parse_rfc3339(self.made_at),
            parse_rfc3339(self.expires_at),
        )
        return Statement(**values)


# Made here, before any thread, for the reason that `store.runs` gives.
_WIRE: Final = msgspec.json.Decoder(_Wire)


def _problem(statement: Statement) -> str:
    """Why these fields make no statement; empty where they do."""
    checks = (
        (statement.verdict in VERDICTS[statement.kind], f"its verdict cannot be {statement.verdict[:20]!r}"),
        (_SUBJECT.fullmatch(statement.run), "it names no run"),
        (_HEX64.fullmatch(statement.digest), "its digest is not a whole sha256"),
        (_NONCE.fullmatch(statement.nonce), "its nonce is not 22 to 64 letters and digits"),
        (_is_line(statement.person, 255) and statement.person, "it names no person"),
        (_is_line(statement.cluster_uid, 64) and statement.cluster_uid, "it names no cluster"),
        (_is_line(statement.execute_as, 512), "execute_as is no name"),
        (_is_line(statement.step, 1024), "its step is no path"),
        ((statement.kind == "resume") == bool(statement.step), "a step belongs to a resume, and only there"),
        (len(statement.reason) <= REASON_LIMIT, f"its reason has more than {REASON_LIMIT} characters"),
        (_is_text(statement.reason), "its reason is not valid Unicode"),
        (statement.reason.strip() or statement.kind not in REASONED, "it needs a reason"),
        (not statement.attested_by or statement.kind in ATTESTABLE, "it takes the person's own key"),
        (_in_order(statement), "it must expire after it is made, both in UTC and in whole milliseconds"),
        (_in_order(statement) and _is_short(statement), "it would hold for longer than is allowed"),
    )
    return next((text for holds, text in checks if not holds), "")


def _is_line(text: str, limit: int) -> bool:
    return len(text) <= limit and (not text or text.isprintable())


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _in_order(statement: Statement) -> bool:
    moments = (statement.made_at, statement.expires_at)
    # Digits that rfc3339 would drop would make two different statements have the same bytes.
    whole = all(moment.utcoffset() == timedelta(0) and moment.microsecond % 1000 == 0 for moment in moments)
    return whole and statement.made_at < statement.expires_at


def longest_for(kind: Kind, subject: str) -> timedelta:
    """How long such a statement may hold: a vote on a standing approval as long as the approval itself."""
    if kind == "vote" and subject.startswith(SCHEDULE):
        return LONGEST["standing"]
    return LONGEST.get(kind, LONGEST_OTHERWISE)


def _is_short(statement: Statement) -> bool:
    longest = longest_for(statement.kind, statement.run)
    return statement.expires_at - statement.made_at <= longest


def _check_speaker(statement: Statement, key: TrustedKey) -> None:
    if statement.attested_by != key.attested_by:
        how = f"attested by {statement.attested_by}" if statement.attested_by else "signed by the person"
        raise StatementError(f"{_named(statement)} says it is {how}, but its key is {_whose(key)}'s")
    if not key.may_speak_for(statement.person):
        raise StatementError(f"{_named(statement)} is signed with the key of {_whose(key)}")


def _check_about(statement: Statement, about: About) -> None:
    if statement.run != about.run:
        raise StatementError(f"{_named(statement)} is about {statement.run}, not {about.run}")
    if statement.cluster_uid != about.cluster_uid:
        raise StatementError(
            f"{_named(statement)} is for cluster {statement.cluster_uid}, which is not this one"
        )
    if statement.digest != about.digest:
        raise StatementError(
            f"{_named(statement)} is on digest {statement.digest[:12]}, this plan's is {about.digest[:12]}",
            hint="whoever signs looks at the plan first: show it again and sign its digest",
        )


def _check_time(statement: Statement, now: datetime) -> None:
    if statement.made_at > now + SKEW:
        raise StatementError(
            f"{_named(statement)} was made at {rfc3339(statement.made_at)}, which is in the future",
            hint="set the clock of the machine that signed, or of this one",
        )
    if statement.expires_at <= now:
        raise StatementError(f"{_named(statement)} expired at {rfc3339(statement.expires_at)}")


def _named(statement: Statement) -> str:
    """`the vote of alice`."""
    return f"the {statement.kind.replace('_', '-')} of {statement.person}"


def _whose(key: TrustedKey) -> str:
    return f"the {key.attested_by} bot" if key.attested_by else key.person
