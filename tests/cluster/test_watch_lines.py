"""From bytes to events: cut anywhere, in any sizes, with bookmarks and errors between."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cluster.codecs import JsonCodec, StructCodec
from k8sops.cluster.pods import PodLite
from k8sops.cluster.watch import LineCutter, decode_block
from k8sops.core.errors import ForbiddenError, GoneError, ServerError


def line(kind: str, thing: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": thing}) + b"\n"


def pod(name: str, version: int) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.data())
def test_lines_survive_any_cutting(lines: list[bytes], data: st.DataObject) -> None:
    """Sockets cut where they like; an unfinished last line, cut off by a break, is never taken for a whole one."""
    stream = b"".join(one + b"\n" for one in lines) + b"unfinished"
    cutter, out, position = LineCutter(), b"", 0
    while position < len(stream):
        step = data.draw(st.integers(1, 40))
        out += cutter.feed(stream[position : position + step])
        position += step
    assert out == b"".join(one + b"\n" for one in lines)


def test_bookmarks_stand_between_the_events_they_stood_between() -> None:
    """A bookmark moved before an event would lose that event after a reconnect."""
    block = line("ADDED", pod("a", 5)) + line("BOOKMARK", pod("", 6)) + line("ADDED", pod("b", 7))
    batches = decode_block(StructCodec(PodLite), block)
    assert [[event.object.metadata.name for event in batch.events] for batch in batches] == [["a"], ["b"]]
    assert [batch.bookmark for batch in batches] == ["6", ""]


def test_the_end_of_the_initial_state_is_recognised() -> None:
    """Only the bookmark with the annotation of KEP-3157 says that the state is complete."""
    marked = pod("", 6)
    marked["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
    assert [batch.initial_end for batch in decode_block(JsonCodec(), line("BOOKMARK", marked))] == [True]
    assert [batch.initial_end for batch in decode_block(JsonCodec(), line("BOOKMARK", pod("", 6)))] == [False]


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (410, "Expired", GoneError),
        (0, "Expired", GoneError),
        (403, "Forbidden", ForbiddenError),
        (500, "", ServerError),
    ],
)
def test_errors_in_the_stream_are_told_as_ours(code: int, reason: str, error: type[Exception]) -> None:
    """410 means list again, 403 means stop, everything else means try again."""
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "too old"}
    with pytest.raises(error, match="too old"):
        decode_block(StructCodec(PodLite), line("ERROR", status))


def test_a_pod_that_quotes_an_error_is_no_error() -> None:
    """A label or message may hold anything, the words of the protocol included."""
    quoting = pod("a", 5) | {"status": {"phase": '{"type":"ERROR"'}}
    (batch,) = decode_block(StructCodec(PodLite), line("MODIFIED", quoting))
    assert batch.events[0].object.status.phase == '{"type":"ERROR"'


def test_garbage_is_a_server_error() -> None:
    """A proxy's HTML in the middle of a watch must lead to a reconnect, not to a stack trace."""
    with pytest.raises(ServerError, match="cannot be read"):
        decode_block(StructCodec(PodLite), b"<html>\n")
