"""One statement: what is signed is what is meant, and every other spelling, key, time or subject is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import KeyFileError, StatementError, UsageError
from k8sops.policy.keys import new_key
from k8sops.policy.statements import (
    DOMAIN,
    LONGEST_OTHERWISE,
    REASON_LIMIT,
    SIZE_LIMIT,
    About,
    Signed,
    Statement,
    TrustedKey,
    authentic,
    parse_statement,
    person_key,
    sign,
    statement_bytes,
    trusted_keys,
    verify,
)

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RUN = "01KAJ0Q2E8Z9W5V4T3S2R1Q0PN"
ABOUT = About(run=RUN, digest="ab" * 32, cluster_uid="c-1")
ALICE, BOB, BOT = new_key(), new_key(), new_key()
TRUSTED = trusted_keys(
    [
        person_key("alice", ALICE.public.text),
        person_key("bob", BOB.public.text),
        TrustedKey(public_key=BOT.public, attested_by="slack", attests_for=frozenset({"bob"})),
    ]
)


def a_vote(**changes: Any) -> Statement:
    """Alice's yes to the run."""
    values = {
        "kind": "vote",
        "run": RUN,
        "digest": ABOUT.digest,
        "verdict": "approve",
        "person": "alice",
        "cluster_uid": ABOUT.cluster_uid,
        "made_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "nonce": "n" * 26,
    }
    return Statement(**{**values, **changes})


def resigned(body: bytes) -> Signed:
    """Other bytes under alice's true signature: what she herself could make, and nobody else."""
    return Signed(body=body, signature=ALICE.sign(DOMAIN + body), key_id=ALICE.key_id)


def altered(**changes: Any) -> Signed:
    """A vote with fields changed as JSON, then signed."""
    fields = {**json.loads(statement_bytes(a_vote())), **changes}
    return resigned(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def test_a_signed_vote_is_what_its_person_said() -> None:
    """All of it is back, and the person is the pin's."""
    vote = a_vote(reason="looked at it: ok ✓ \U0001f600")
    found = verify(sign(vote, ALICE), TRUSTED, now=NOW, about=ABOUT)
    assert (found.statement, found.person, found.surface) == (vote, "alice", "cli")


def test_the_bytes_are_fixed() -> None:
    """Signatures in stores and exports outlive versions: other bytes would void them all."""
    assert statement_bytes(a_vote(reason="é")) == (
        b'{"attested_by":"","cluster_uid":"c-1","digest":"' + b"ab" * 32 + b'","execute_as":"",'
        b'"expires_at":"2026-11-21T04:00:00.000Z","format":1,"kind":"vote","made_at":"2026-11-21T03:00:00.000Z",'
        b'"nonce":"' + b"n" * 26 + b'","person":"alice","reason":"\xc3\xa9","run":"' + RUN.encode() + b'",'
        b'"step":"","verdict":"approve"}'
    )


@pytest.mark.parametrize(
    ("statement", "key", "why"),
    [
        (a_vote(), new_key(), "does not pin"),
        (a_vote(), BOB, "the vote of alice is signed with the key of bob"),
        (a_vote(person="carol"), ALICE, "the vote of carol is signed with the key of alice"),
        (a_vote(run="01OTHER"), ALICE, "is about 01OTHER"),
        (a_vote(digest="cd" * 32), ALICE, "on digest cdcdcdcdcdcd, this plan's is abababababab"),
        (a_vote(cluster_uid="c-2"), ALICE, "cluster c-2, which is not this one"),
        (a_vote(made_at=NOW - timedelta(hours=2), expires_at=NOW), ALICE, "expired at 2026-11-21T03:00"),
        (a_vote(made_at=NOW + timedelta(minutes=5, milliseconds=1)), ALICE, "in the future"),
        (a_vote(person="bob", attested_by="slack"), BOB, "attested by slack, but its key is bob's"),
        (a_vote(person="bob"), BOT, "signed by the person, but its key is the slack bot's"),
        (a_vote(attested_by="slack"), BOT, "the vote of alice is signed with the key of the slack bot"),
    ],
)
def test_what_does_not_hold_is_refused_by_name(statement: Statement, key: Any, why: str) -> None:
    """Each line is a way to have somebody's yes without their saying it."""
    with pytest.raises(StatementError, match=why):
        verify(sign(statement, key), TRUSTED, now=NOW, about=ABOUT)


def test_five_minutes_between_clocks_are_forgiven() -> None:
    """Laptops drift; a vote from the near future is still a vote."""
    verify(sign(a_vote(made_at=NOW + timedelta(minutes=5)), ALICE), TRUSTED, now=NOW, about=ABOUT)


def test_a_statement_that_had_its_effect_has_no_second_one() -> None:
    """A finished run put back to its beginning must not run again on the old signatures."""
    with pytest.raises(StatementError, match="has been used before"):
        verify(sign(a_vote(), ALICE), TRUSTED, now=NOW, about=ABOUT, seen={"n" * 26})


def test_the_bot_speaks_for_whom_policy_says_and_is_marked() -> None:
    """A vote from the chat is worth as much as the chat; policy sees which it was."""
    vote = a_vote(person="bob", attested_by="slack")
    assert verify(sign(vote, BOT), TRUSTED, now=NOW, about=ABOUT).surface == "slack"


@pytest.mark.parametrize("kind", ["break_glass", "grant", "standing", "resume", "review"])
def test_the_bot_cannot_break_glass_or_make_what_lasts(kind: str) -> None:
    """A stolen chat account must not be enough for these."""
    verdicts = {"resume": "retry", "review": "closed"}
    with pytest.raises(StatementError, match="the person's own key"):
        a_vote(
            kind=kind,
            verdict=verdicts.get(kind, ""),
            reason="urgent",
            step="s" if kind == "resume" else "",
            attested_by="slack",
        )


@pytest.mark.parametrize(
    "body",
    [
        statement_bytes(a_vote()) + b"\n",
        b" " + statement_bytes(a_vote()),
        statement_bytes(a_vote()).replace(b'"approve"', b'"\\u0061pprove"'),
        statement_bytes(a_vote()).replace(b'"format":1', b'"format":1.0'),
        statement_bytes(a_vote()).replace(b"03:00:00.000Z", b"03:00:00Z"),
        statement_bytes(a_vote()).replace(b"03:00:00.000Z", b"03:00:00.000+00:00"),
        statement_bytes(a_vote()).replace(b'"verdict"', b'"verdict":"deny","verdict"'),
        json.dumps(json.loads(statement_bytes(a_vote()))).encode(),
        json.dumps(json.loads(statement_bytes(a_vote())), indent=1).encode(),
    ],
)
def test_another_spelling_of_the_same_statement_is_refused(body: bytes) -> None:
    """Were two accepted, two readers could take one signature to mean two things."""
    with pytest.raises(StatementError, match=r"form that is accepted|not a statement"):
        authentic(resigned(body), TRUSTED)


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"verdict": None},
        {"verdict": "maybe"},
        {"kind": "approve"},
        {"digest": "ab" * 6},
        {"digest": "AB" * 32},
        {"nonce": "short"},
        {"nonce": "-" * 26},
        {"person": ""},
        {"person": "ali\nce"},
        {"cluster_uid": ""},
        {"run": ""},
        {"run": "01 02"},
        {"step": "drain"},
        {"attested_by": "teams"},
        {"reason": "x" * (REASON_LIMIT + 1)},
        {"made_at": "yesterday"},
        {"made_at": "2026-11-21T03:00:00.000"},
        {"expires_at": "2026-11-21T02:00:00.000Z"},
        {"expires_at": "2027-11-21T02:00:00.000Z"},
        {"expires_at": "9999-12-31T23:59:59.999Z"},
        {"format": 2},
        {"format": True},
    ],
    ids=str,
)
def test_fields_that_make_no_statement_are_refused_though_signed(changes: dict[str, Any]) -> None:
    """A person's own client may be hostile too, or newer than this one."""
    with pytest.raises(StatementError):
        verify(altered(**changes), TRUSTED, now=NOW, about=ABOUT)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\xff", b'"' + b"x" * 99 + b'"', b"[" * 8000, b'{"format":1e999}'],
)
def test_junk_is_no_statement(body: bytes) -> None:
    """Rows of a store that others write."""
    with pytest.raises(StatementError, match="not a statement"):
        authentic(resigned(body), TRUSTED)


def test_an_oversize_statement_is_not_even_parsed() -> None:
    """Its signature alone would cost whoever must check a thousand of them."""
    with pytest.raises(StatementError, match="at most 8192"):
        authentic(resigned(b" " * (SIZE_LIMIT + 1)), TRUSTED)


def test_a_signature_made_for_something_else_is_no_statement() -> None:
    """The same key may sign other things one day; the prefix keeps them apart."""
    body = statement_bytes(a_vote())
    with pytest.raises(StatementError, match="is not signed with key"):
        authentic(Signed(body=body, signature=ALICE.sign(body), key_id=ALICE.key_id), TRUSTED)


def test_a_key_id_that_lies_about_the_signer_is_found_out() -> None:
    """The column is the store's; only the signature counts."""
    signed = msgspec.structs.replace(sign(a_vote(person="bob"), ALICE), key_id=BOB.key_id)
    with pytest.raises(StatementError, match="is not signed with key"):
        authentic(signed, TRUSTED)


def test_no_key_is_pinned_twice() -> None:
    """A key of two persons would let one be counted as the other."""
    with pytest.raises(UsageError, match="pinned for alice and again for bob"):
        trusted_keys([person_key("alice", ALICE.public.text), person_key("bob", ALICE.public.text)])
    with pytest.raises(UsageError, match="alice and again for the slack bot"):
        trusted_keys(
            [person_key("alice", ALICE.public.text), TrustedKey(public_key=ALICE.public, attested_by="slack")]
        )
    with pytest.raises(UsageError, match="either one person's or a bot's"):
        trusted_keys([TrustedKey(public_key=ALICE.public)])
    with pytest.raises(KeyFileError):
        person_key("alice", "ed25519:AAAA")


def test_times_that_the_bytes_cannot_hold_are_refused_when_made() -> None:
    """What is signed must be what is meant, to the last digit."""
    for moment in (
        NOW + timedelta(microseconds=1),
        NOW.replace(tzinfo=None),
        NOW.astimezone(timezone(timedelta(hours=1))),
    ):
        with pytest.raises(StatementError, match="whole milliseconds"):
            a_vote(made_at=moment)
    with pytest.raises(StatementError, match="longer than is allowed"):
        a_vote(expires_at=NOW + LONGEST_OTHERWISE + timedelta(milliseconds=1))


def test_break_glass_and_a_review_need_a_reason() -> None:
    """They are what somebody else will have to understand later."""
    for kind, verdict in (("break_glass", ""), ("review", "closed")):
        with pytest.raises(StatementError, match="needs a reason"):
            a_vote(kind=kind, verdict=verdict, reason="  ")


def test_a_resume_names_the_one_step_it_settles() -> None:
    """Else it could be shown again when another step of the run is in doubt."""
    with pytest.raises(StatementError, match="step"):
        a_vote(kind="resume", verdict="done")
    assert parse_statement(statement_bytes(a_vote(kind="resume", verdict="done", step="drain/a"))).step


@given(st.data())
def test_no_change_to_a_signed_statement_survives(data: st.DataObject) -> None:
    """Any byte, anywhere in body, signature or key id, by whoever holds no key."""
    signed = sign(a_vote(), ALICE)
    parts = {name: bytearray(getattr(signed, name)) for name in ("body", "signature")}
    name = data.draw(st.sampled_from(sorted(parts)))
    index = data.draw(st.integers(0, len(parts[name]) - 1))
    parts[name][index] ^= data.draw(st.integers(1, 255))
    changed = Signed(body=bytes(parts["body"]), signature=bytes(parts["signature"]), key_id=signed.key_id)
    with pytest.raises(StatementError):
        authentic(changed, TRUSTED)


@given(
    reason=st.text(max_size=REASON_LIMIT),
    person=st.text(min_size=1, max_size=60),
    minutes=st.integers(1, 60 * 24 * 31),
    milliseconds=st.integers(0, 10**9),
)
def test_whatever_can_be_said_is_read_back_the_same(
    reason: str, person: str, minutes: int, milliseconds: int
) -> None:
    """Any text, any length of time: signed, opened, equal."""
    made = NOW - timedelta(milliseconds=milliseconds)
    try:
        vote = a_vote(
            person=person, reason=reason, made_at=made, expires_at=made + timedelta(minutes=minutes)
        )
        signed = sign(vote, ALICE)
    except StatementError:
        return
    assert parse_statement(signed.body) == vote
    assert authentic(signed, trusted_keys([person_key(person, ALICE.public.text)])).statement == vote


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_in_another_way(body: bytes) -> None:
    """A carrier reads what a hostile laptop wrote, and must say no, not fall over."""
    with pytest.raises(StatementError):
        parse_statement(body)
