"""Times in stored objects are moved, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from screenshots.moving import moved

BEGUN = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ENDED = BEGUN + timedelta(minutes=10)
BACK = timedelta(hours=-18)


def _timestamp(moment: datetime) -> bytes:
    seconds = int(moment.timestamp())
    parts = [seconds >> 7 * place & 0x7F for place in range(5)]
    return bytes((8, *(part | 0x80 for part in parts[:4]), parts[4], 16, 0))


def test_a_time_of_protobuf_is_moved_in_its_place() -> None:
    """The value keeps its length: the lengths of all that is around it are written before it."""
    at = BEGUN + timedelta(minutes=3)
    value = b"k8s\x00\x2a\x09" + _timestamp(at) + b"rest"
    assert moved(value, BEGUN, ENDED, BACK) == b"k8s\x00\x2a\x09" + _timestamp(at + BACK) + b"rest"


def test_a_written_time_is_moved() -> None:
    """Custom objects are JSON."""
    value = b'{"creationTimestamp":"2026-11-22T04:05:06Z"}'
    assert moved(value, BEGUN, ENDED, BACK) == b'{"creationTimestamp":"2026-11-21T10:05:06Z"}'


def test_other_times_and_numbers_stay() -> None:
    """What the manifests say of last year, and bytes that only look like a time, are none of the sandbox's."""
    for value in (
        b"2025-01-01T00:00:00Z",
        b"2026-99-99T00:00:00Z",
        _timestamp(BEGUN - timedelta(days=9)),
        b"\x08\x10",
    ):
        assert moved(value, BEGUN, ENDED, BACK) == value
