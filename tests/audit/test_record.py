"""A record has one form, of exact bytes; anything else must be refused, whatever it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.audit.bounds import KEPT_ITEMS
from k8sops.audit.canonical import canonical, digest, plain
from k8sops.audit.codes import CODE, CODES
from k8sops.audit.record import (
    RECORD_LIMIT,
    Record,
    Who,
    genesis,
    new_store_id,
    open_record,
    record_hash,
    seal,
)
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject, AuditVote
from k8sops.core.errors import AuditError
from tests.audit.chains import STORE, an_entry, digest_of

FIRST = genesis(STORE)

TEXT = st.text(max_size=12) | st.text('\udc80\ud800\x00\x1f\x7f"\\/é🚀\uffff\ue000\U0001f680', max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
ENTRIES = st.builds(
    AuditEntry,
    code=st.sampled_from(list(CODES)),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
    actor=st.none()
    | st.builds(
        Actor, name=TEXT, groups=st.lists(TEXT, max_size=2).map(tuple), surface=st.just("tui"), os_user=TEXT
    ),
    person=TEXT,
    reason=TEXT,
    objects=st.lists(
        st.builds(AuditObject, kind=TEXT, name=TEXT, namespace=TEXT, difference=OBJECTS), max_size=2
    ).map(tuple),
    votes=st.lists(st.builds(AuditVote, person=TEXT, verdict=TEXT, digest=TEXT, surface=TEXT), max_size=2).map(tuple),
    data=OBJECTS,
)  # fmt: skip


@given(ENTRIES)
@settings(deadline=None)
def test_the_bytes_are_rfc_8785_and_open_again_whatever_the_entry_holds(entry: AuditEntry) -> None:
    """What cannot be recorded cannot be done: a strange user name or number must not stop an action."""
    sealed = seal(entry, 7, FIRST)
    assert rfc8785.dumps(json.loads(sealed.data)) == sealed.data
    record = open_record(sealed.data)
    assert (record.seq, record.previous, record.code) == (7, FIRST, entry.code)
    assert seal(record.entry(), 7, FIRST) == sealed


@given(JSON)
@settings(deadline=None)
def test_the_quick_writer_and_the_reference_never_differ(value: Any) -> None:
    """Two programs that write other bytes for one record would accuse each other of edits."""
    value = plain(value)
    assert canonical(value) == rfc8785.dumps(value)


def test_a_record_s_bytes_never_change() -> None:
    """Stored chains must verify with every later version: this is the format, byte for byte."""
    sealed = seal(an_entry(3, code="run.voted"), 4, "a" * 64)
    assert sealed.data.decode() == (
        '{"action":"scale","actor":{"auth":"self_subject_review","groups":["ops"],"name":"alice","os_user":"al",'
        '"surface":"cli"},"at":"2026-11-21T03:00:03.003Z","cluster_name":"prod-eu",'
        '"cluster_uid":"3f0a5b4e-1111-2222-3333-444455556666","code":"run.voted",'
        '"data":{"answer":{"generation":3,"note":"a \\"quoted\\" word"}},"digest":"'
        + digest_of("plan", 3)
        + '",'
        '"effective":"alice","format":1,"objects":[{"after":"'
        + digest_of("after", 3)
        + '","before":"'
        + digest_of("before", 3)
        + '",'
        '"difference":{"spec.replicas":[3,3]},"kind":"deployments.apps","name":"web","namespace":"shop",'
        '"uid":"u-web"}],"outcome":"succeeded","person":"Alice","policy_version":"abc123",'
        '"previous":"' + "a" * 64 + '","reason":"größer 🚀","run":"01KAJ7QK9ZXJ3M000000000003","seq":4,'
        '"step":"scale/deployments.apps:shop.web","verdict":"approve"}'
    )
    assert sealed.hash == sha256(b"k8sops audit record 1\0" + sealed.data).hexdigest()
    assert genesis(STORE) == sha256(b"k8sops audit genesis 1\0" + STORE.encode()).hexdigest()


@pytest.mark.parametrize("kind", [Record, Who, AuditObject, AuditVote])
def test_recorded_fields_stand_in_the_order_they_are_written(kind: type[msgspec.Struct]) -> None:
    """The quick writer takes the fields as they stand; out of order it would not write RFC 8785."""
    assert list(kind.__struct_fields__) == sorted(kind.__struct_fields__)


def test_every_field_of_an_entry_is_recorded() -> None:
    """A field that was added to the entry and forgotten in the record would be lost without a sign."""
    assert set(AuditEntry.__struct_fields__) | {"format", "seq", "previous", "cut"} == set(
        Record.__struct_fields__
    )
    assert set(Actor.__struct_fields__) == set(Who.__struct_fields__)


def test_an_entry_comes_back_as_it_was() -> None:
    """`audit list` shows what was recorded, not an interpretation."""
    entry = an_entry(15)
    assert open_record(seal(entry, 1, FIRST).data).entry() == entry


def test_times_are_utc_with_milliseconds_wherever_they_were_taken() -> None:
    """Records of different machines are read side by side."""
    east = datetime(2026, 11, 21, 12, 0, 0, 1999, tzinfo=timezone(timedelta(hours=9)))
    assert open_record(seal(an_entry(at=east), 1, FIRST).data).at == "2026-11-21T03:00:00.001Z"


GOOD = seal(an_entry(15), 15, FIRST).data


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"null", b"[]", b"{", GOOD + b" ", b" " + GOOD, GOOD + b"\n", GOOD[:-1],
        GOOD.replace(b'"seq":15', b'"seq":15.0'),
        GOOD.replace(b'"seq":15', b'"seq":1.5e1'),
        GOOD.replace(b'"seq":15', b'"seq":15,"seq":15'),
        GOOD.replace(b'"seq":15', b'"seq":0'),
        GOOD.replace(b'"seq":15', b'"seq":-15'),
        GOOD.replace(b'"seq":15', b'"seq":"15"'),
        GOOD.replace(b'"generation":15', b'"generation":15.0'),
        GOOD.replace(b'"generation":15', b'"generation":9007199254740992'),
        GOOD.replace(b'"generation":15', b'"generation":NaN'),
        GOOD.replace(b'[3,15]', b'[3,15.5]'),
        GOOD.replace(b'[3,15]', b'[3,99999999999999999999]'),
        GOOD.replace(b'"person":"Alice"', b'"person":"\\u0041lice"'),
        GOOD.replace(b'"person":"Alice"', b'"person":"Al\\/ice"'),
        GOOD.replace(b'"person":"Alice"', b'"person":"Al\xffice"'),
        GOOD.replace(b'"person":"Alice"', b'"person":"Al\xed\xa0\x80ice"'),
        GOOD.replace(b'"person":"Alice",', b'"person":"",'),
        GOOD.replace(b'"person":"Alice",', b'"person":"Alice","petrol":1,'),
        GOOD.replace(b'"name":"web"', b'"name":"web","new":1'),
        GOOD.replace(b'"os_user":"al"', b'"os_user":"al","pid":1'),
        GOOD.replace(b'03:00:15.015Z', b'03:00:15.015+00:00'),
        GOOD.replace(b'03:00:15.015Z', b'03:00:15Z'),
        GOOD.replace(b'2026-11-21', b'2026-02-30'),
        GOOD.replace(b'2026-11-21', b'2026-W47-6'),
        GOOD.replace(b'"previous":"' + FIRST[:4].encode(), b'"previous":"' + FIRST[:4].upper().encode() + b"A"),
        GOOD.replace(b'"format":1', b'"format":0'),
        b"[" * 100_000,
        b'{"data":' + b'{"a":' * 100_000,
        b'{"data":"' + b"x" * RECORD_LIMIT + b'"}',
    ],
)  # fmt: skip
def test_anything_but_the_exact_bytes_is_refused(bad: bytes) -> None:
    """Two byte strings that mean the same record would be two records with one content: nobody could say which."""
    assert bad != GOOD
    with pytest.raises(AuditError):
        open_record(bad)


def test_a_record_of_a_newer_version_says_so() -> None:
    """An old program must not call a newer record an edit."""
    with pytest.raises(AuditError, match="newer version"):
        open_record(GOOD.replace(b'"format":1', b'"format":2').replace(b'"reason"', b'"rationale"'))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_is_refused_or_is_another_record(at: int, bit: int) -> None:
    """Even without the chain, no flipped bit leaves a record that reads as the same."""
    bad = bytearray(GOOD)
    bad[at] ^= 1 << bit
    try:
        other = open_record(bytes(bad))
    except AuditError:
        return
    assert other != open_record(GOOD)
    assert record_hash(bytes(bad)) != record_hash(GOOD)


def test_a_code_that_is_not_listed_cannot_be_recorded() -> None:
    """Codes are what filters and alarms are written against."""
    with pytest.raises(ValueError, match="not a listed audit code"):
        seal(an_entry(code="run.invented"), 1, FIRST)
    assert all(CODE.fullmatch(code) and len(code) <= 48 for code in CODES)


def test_two_stores_chains_share_no_record() -> None:
    """A record of the test store must not pass for one of production."""
    assert genesis(new_store_id()) != genesis(new_store_id())
    with pytest.raises(AuditError):
        genesis("not a store id")


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"long": "x" * 200_000, "short": 1}},
        {"data": {f"k{number}": "x" * 40 for number in range(3000)}},
        {"data": {"deep": json.loads("[" * 500 + "1" + "]" * 500), "x" * 100_000: 1}},
        {"objects": (AuditObject(kind="pods", name="a", difference={"spec": ["y" * 90_000, None], "b": [1, 2]}),)},
        {"objects": tuple(AuditObject(kind="pods", name=f"pod-{number}" * 3) for number in range(5000))},
        {"objects": tuple(AuditObject(kind="pods", name="p" * 5000) for number in range(20))},
        {"votes": (AuditVote(person="p", verdict="approve", digest="d" * 64, surface="cli"),) * 3000},
        {"actor": Actor(name="n" * 90_000, groups=tuple(f"group-{number}" for number in range(9000)))},
        {"reason": "\x00" * 100_000, "run": "🚀" * 30_000, "step": "\udc80" * 90_000, "outcome": "o" * 70_000},
    ],
)  # fmt: skip
def test_a_record_keeps_its_limit_and_the_digest_of_what_was_cut(changes: dict[str, Any]) -> None:
    """A change too large to record must still be recorded, and what it was provable by whoever kept it."""
    data = seal(an_entry(1, **changes), 1, FIRST).data
    assert len(data) <= RECORD_LIMIT
    record = open_record(data)
    assert record.cut
    assert record.person == "Alice"


def test_what_was_cut_is_named_by_pointer_and_the_rest_stays() -> None:
    """A reader sees that something is missing, how much, and everything else."""
    long = {"data.a/b": ["x" * 80_000, None], "spec.replicas": [1, 2]}
    about = AuditObject(kind="configmaps", name="c", difference=long)
    record = open_record(seal(an_entry(1, objects=(about,)), 1, FIRST).data)
    assert record.objects[0].difference == {"spec.replicas": [1, 2]}
    cut = record.cut["/objects/0/difference/data.a~1b"]
    assert (cut.bytes, cut.sha256) == (len(canonical(long["data.a/b"])), digest(long["data.a/b"]))


def test_of_very_many_objects_the_first_are_kept() -> None:
    """A bulk step's record holds the first twenty and the digest of them all (DESIGN §8, Size)."""
    many = tuple(AuditObject(kind="pods", name=f"pod-{number}", uid="u" * 36) for number in range(5000))
    record = open_record(seal(an_entry(1, objects=many), 1, FIRST).data)
    assert record.objects == many[:KEPT_ITEMS]
    assert record.cut["/objects"].sha256 == digest(msgspec.to_builtins(many))
