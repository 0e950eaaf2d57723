"""Canonical form: one object has one form for ever, and nothing of it is lost but who managed which field."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.canonical import Namer, canonical, canonical_object, object_id
from k8sops.backup.errors import UnstorableError

texts = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
objects = st.builds(
    lambda fields, metadata: {**fields, "metadata": metadata},
    st.dictionaries(texts, values, max_size=5),
    st.dictionaries(texts | st.just("managedFields"), values, max_size=5),
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def by_the_book(value: Any) -> str:
    """The definition in FORMAT.md, written a second time and without msgspec."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode())
        return "{" + ",".join(f"{by_the_book(key)}:{by_the_book(item)}" for key, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(by_the_book, value)) + "]"
    if isinstance(value, str):
        shown = (_ESCAPES.get(char) or (f"\\u{ord(char):04x}" if char < " " else char) for char in value)
        return '"' + "".join(shown) + '"'
    return double(value) if isinstance(value, float) else json.dumps(value)


def double(value: float) -> str:
    """Fewest digits; plain from 10^-5 up to below 10^16, with a digit after the point, else d.ddde-x."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    stripped = text.rstrip("0") or "0"
    exponent += len(text) - len(stripped)
    minus, point = "-" if sign else "", len(stripped) + exponent
    if value == 0:
        return f"{minus}0.0"
    if -5 < point <= 16:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{stripped}"
        whole, rest = stripped[:point].ljust(point, "0"), stripped[point:]
        return f"{minus}{whole}.{rest or '0'}"
    rest = f".{stripped[1:]}" if len(stripped) > 1 else ""
    return f"{minus}{stripped[0]}{rest}e{point - 1}"


def without_managed_fields(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: item for key, item in value["metadata"].items() if key != "managedFields"}
    return {**value, "metadata": metadata}


@given(value=objects)
def test_the_form_is_the_one_that_is_written_down(value: dict[str, Any]) -> None:
    """A library that wrote a number otherwise would give every stored object a second name."""
    found = canonical_object(json.dumps(value, ensure_ascii=False).encode())
    assert found.decode() == by_the_book(without_managed_fields(value))


@given(value=objects, indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans(), order=st.randoms())
def test_order_spaces_and_escapes_of_the_answer_make_no_difference(
    value: dict[str, Any], indent: int | None, ascii_only: bool, order: Any
) -> None:
    """Two API servers, or a list and a get, may write the same object differently."""
    pairs = list(value.items())
    order.shuffle(pairs)
    other = json.dumps(dict(pairs), indent=indent, ensure_ascii=ascii_only).encode()
    assert canonical_object(other) == canonical_object(json.dumps(value).encode())


@given(value=objects)
def test_the_form_of_the_form_is_itself(value: dict[str, Any]) -> None:
    """What was read out of a repository can be stored in another under the same bytes."""
    once = canonical_object(json.dumps(value).encode())
    assert canonical_object(once) == once


def test_integers_keep_every_digit() -> None:
    """RFC 8785 would make 9007199254740993 an even number; an API server would not."""
    data = b'{"metadata":{},"a":9007199254740993,"b":-9223372036854775808,"c":18446744073709551616,"d":1.0}'
    assert canonical_object(data) == (
        b'{"a":9007199254740993,"b":-9223372036854775808,"c":18446744073709551616,"d":1.0,"metadata":{}}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"spec":{"managedFields":[1]},"metadata":{"managedFields":[1],"name":"a"}}',
        b'{"x\\"managedFields":[1],"metadata":{"managedFields":[1],"name":"a"}}',
        b'{"spec":{"managedFields":false},"metadata":{"managedFields":false,"name":"a"}}',
        b'{"spec":{"managedFields":12},"metadata":{"managedFields":1,"name":"a"}}',
        b'{"metadata":{"managedFields": [1],"name":"a"},"spec":{"managedFields":[1]}}',
        b'{"metadata":{"managedFields":[1],"managedFields":[1],"name":"a"},"spec":"\\"managedFields\\":[1]"}',
        b'{"metadata":{"managedFields":0,"name":"a"}}',
        b'{"metadata":{"name":"a"}}',
    ],
)
def test_managed_fields_go_and_nothing_that_looks_like_them(data: bytes) -> None:
    """A pod template, an annotation or a field of a custom resource may be called alike."""
    value = json.loads(data)
    assert canonical_object(data).decode() == by_the_book(without_managed_fields(value))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"a":1}', "metadata"),
        (b'{"metadata":[]}', "no metadata"),
        (b'{"metadata":{}} {}', "trailing"),
        (b'{"metadata":{},"a":1e400}', "out of range"),
        (b'{"metadata":{},"a":NaN}', "malformed"),
        (b'{"metadata":{},"a":"\xff"}', "utf-8"),
        (b'{"metadata":{},"a":"\\ud800"}', "truncated|surrogate|malformed"),
        (b'{"metadata":{},"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"metadata":{},"a":"' + b"x" * 16 * 2**20 + b'"}', "16,777,"),
    ],
)
def test_what_cannot_be_kept_exactly_is_not_kept(data: bytes, reason: str) -> None:
    """An object that came back changed would be worse than a backup that says it is incomplete."""
    with pytest.raises(UnstorableError, match=reason):
        canonical_object(data)


@given(data=st.binary(max_size=200))
def test_no_bytes_at_all_make_it_fail_in_another_way(data: bytes) -> None:
    """An aggregated API server may answer anything."""
    try:
        canonical_object(data)
    except UnstorableError:
        return
    assert msgspec.json.decode(data)["metadata"] is not None


def test_an_id_confirms_no_guess_to_whoever_lacks_the_key() -> None:
    """A plain digest of a Secret would tell whether it is the one that is guessed (RFC 4231, test case 2)."""
    assert object_id(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_documents_of_our_own_are_sorted_too() -> None:
    """What is signed must have one form whatever order the fields were declared in."""

    class Swapped(msgspec.Struct):
        b: int
        a: dict[str, int]

    assert canonical(Swapped(b=1, a={"d": 1, "c": 2})) == b'{"a":{"c":2,"d":1},"b":1}'
    assert re.fullmatch(rb"[\x20-\x7e]*", canonical({"a": "x"}))


@given(key=st.binary(max_size=80), objects=st.lists(st.binary(max_size=200), max_size=4))
def test_many_ids_under_one_key_are_those_of_each_alone(key: bytes, objects: list[bytes]) -> None:
    """A backup names by the one and a restore checks by the other."""
    namer = Namer(key)
    assert [namer.id_of(data) for data in objects] == [object_id(key, data) for data in objects]
