"""A pod's stored bytes: the count and one note change, whatever else is in them stays. Real pods: `test_traffic`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.sandbox.stored_pod import MAGIC, StoredPod, listed, uid_of

NOTE = "example.com/note"
UNKNOWN = b"\xa2\x06\x03new"  # field 100, which no version of today knows


def number(value: int) -> bytes:
    """A protobuf varint."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + number(value >> 7)


def text(field: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return number(field << 3 | 2) + number(len(content)) + content


def annotation(key: str, value: str) -> bytes:
    """One entry of a pod's annotations."""
    return text(12, text(1, key.encode()) + text(2, value.encode()))


def pod(*, count: int, version: bytes, notes: bytes, rest: bytes = b"") -> bytes:
    """A stored pod; `version` is its resourceVersion's field, which only the API server's answer has."""
    metadata = text(1, b"web-0") + text(5, b"an-uid") + version + rest + notes
    container = text(1, b"app") + rest + b"\x28" + number(count) + text(6, b"image")
    status = text(1, b"Running") + text(8, container) + text(8, text(1, b"sidecar") + b"\x28\x07") + rest
    message = text(1, metadata) + text(2, b"") + text(3, status) + rest
    return MAGIC + text(1, text(1, b"v1") + text(2, b"Pod")) + text(2, message) + text(3, b"") + text(4, b"")


REVISION = text(6, b"4711")


@given(
    before=st.integers(0, 2**31 - 1),
    after=st.integers(0, 2**31 - 1),
    other=st.text(min_size=1, max_size=20),
    rest=st.sampled_from([b"", UNKNOWN, b"\x51" + bytes(8), b"\x55" + bytes(4)]),
)
def test_only_the_count_and_the_note_change(before: int, after: int, other: str, rest: bytes) -> None:
    """What is written is taken for the pod by everybody: a byte lost here is a field lost there."""
    others = annotation("other", other)
    given_ = pod(count=before, version=REVISION, notes=annotation(NOTE, "old") + others, rest=rest)
    found = StoredPod(given_, NOTE, "5")
    assert (found.uid, found.revision) == ("an-uid", 4711)
    assert found.with_count(after, noted=True) == pod(
        count=after, version=b"", notes=others + annotation(NOTE, "5"), rest=rest
    )
    assert found.with_count(before, noted=False) == pod(count=before, version=b"", notes=others, rest=rest)


def test_an_answer_that_is_cut_or_no_pod_is_refused() -> None:
    """Half of a pod written back would be a pod destroyed."""
    whole = pod(count=300, version=REVISION, notes=b"")
    for length in range(len(whole) - 4):  # without the last, empty fields it is whole
        with pytest.raises(ValueError, match=r"."):
            StoredPod(whole[:length], NOTE, "5")
    with pytest.raises(ValueError, match="another form"):
        StoredPod(b'{"kind":"Pod"}', NOTE, "5")


def test_the_pods_of_a_list_are_as_if_each_had_been_asked_for() -> None:
    """A list is one request for hundreds; its items bear neither version nor kind."""
    one, other = (pod(count=count, version=REVISION, notes=b"") for count in (1, 2))
    raw = [answer[answer.index(b"\x0a\x05web-0") - 2 : -4] for answer in (one, other)]
    page = text(1, text(3, b"next")) + b"".join(text(2, item) for item in raw)
    answer = (
        MAGIC + text(1, text(1, b"v1") + text(2, b"PodList")) + text(2, page) + text(3, b"") + text(4, b"")
    )
    items, token = listed(answer)
    assert token == "next"
    assert [uid_of(item) for item in items] == ["an-uid", "an-uid"]
    assert [item + text(3, b"") + text(4, b"") for item in items] == [one, other]
