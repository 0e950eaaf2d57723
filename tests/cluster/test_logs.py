"""Container logs as lines: whole, bounded, and from a real API server and (simulated) kubelet."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cluster.logs import LineCutter, LogBlock, LogQuery, log_blocks
from k8sops.cluster.transport import Transport
from k8sops.core.errors import InvalidError, NotFoundError, UsageError
from tests.support.clients import transport_of


def cut_up(cutter: LineCutter, raw: bytes, step: int) -> tuple[list[str], dict[int, int]]:
    """All lines of a text that comes in pieces of `step` bytes, and what was left out of them."""
    blocks = [cutter.feed(raw[start : start + step]) for start in range(0, len(raw), step)]
    lines: list[str] = []
    cuts: dict[int, int] = {}
    for block in [*blocks, cutter.rest()]:
        cuts |= {len(lines) + place: cut for place, cut in block.cuts.items()}
        lines += block.lines
    return lines, cuts


@given(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=200),
    st.integers(1, 30),
)
def test_lines_survive_any_cutting(text: str, step: int) -> None:
    """Characters of several bytes are cut by the network and must come out whole."""
    raw = "\n".join((text, text, "end")).encode()
    lines, cuts = cut_up(LineCutter(10_000), raw, step)
    assert lines == [text, text, "end"]
    assert not cuts


@given(st.integers(1, 50), st.integers(1, 60))
def test_a_long_line_is_cut_and_says_by_how_much(step: int, length: int) -> None:
    """A container may write gigabytes without a newline."""
    raw = b"x" * length + b"\nnext\n"
    lines, cuts = cut_up(LineCutter(20), raw, step)
    assert lines == ["x" * min(length, 20), "next"]
    assert cuts == ({0: length - 20} if length > 20 else {})


def test_bytes_that_are_no_text_do_not_break_the_log() -> None:
    """Programs write what they like."""
    assert LineCutter(100).feed(b"\xff\xfeok\r\n") == LogBlock(["\ufffd\ufffdok"], {})


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 40))
def test_garbage_is_cut_alike_however_it_comes(raw: bytes, step: int, longest: int) -> None:
    """What a chunk happens to hold must decide nothing: neither lines, nor what is left out of them."""
    lines, cuts = cut_up(LineCutter(longest), raw, step)
    parts = raw.split(b"\n")
    kept = parts if parts[-1] else parts[:-1]
    assert lines == [part[:longest].decode("utf-8", "replace").removesuffix("\r") for part in kept]
    assert cuts == {place: len(part) - longest for place, part in enumerate(kept) if len(part) > longest}


def test_the_query_is_spelled_as_the_api_wants_it() -> None:
    """Names of PodLogOptions; a wrong one is ignored by the server without a word."""
    since = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    query = LogQuery(
        container="app", follow=True, previous=True, timestamps=True, tail_lines=5, since_time=since
    )
    assert query.pairs() == [
        ("container", "app"),
        ("follow", "true"),
        ("previous", "true"),
        ("timestamps", "true"),
        ("tailLines", "5"),
        ("sinceTime", "2026-11-21T10:00:00.000Z"),
    ]


def test_two_beginnings_are_one_too_many() -> None:
    """The server's own words on this name neither flag."""
    with pytest.raises(UsageError):
        LogQuery(since_seconds=5, since_time=datetime(2026, 1, 1, tzinfo=UTC)).pairs()


async def test_a_running_pod_can_be_read_and_followed(kubeconfig: Path, cluster_namespace: str) -> None:
    """Against the real API server: tail, follow while the log grows, a container and a pod that do not exist."""
    async with transport_of(kubeconfig) as transport:
        pod = await running_pod(transport, cluster_namespace)
        async with asyncio.timeout(60):
            lines: list[str] = []
            async with aclosing(log_blocks(transport, f"{pod}/log", LogQuery(follow=True))) as log:
                async for block in log:
                    lines += block.lines
                    if len(lines) >= 3:
                        break
        assert all(lines)
        tail = [block async for block in log_blocks(transport, f"{pod}/log", LogQuery(tail_lines=1))]
        assert len(tail) == len(tail[0].lines) == 1
        with pytest.raises(InvalidError):
            await anext(log_blocks(transport, f"{pod}/log", LogQuery(container="absent")))
        with pytest.raises(NotFoundError):
            await anext(log_blocks(transport, f"{pod}-absent/log"))


async def running_pod(transport: Transport, namespace: str, deadline_s: float = 60.0) -> str:
    """Create pod `web` with container `app`, wait until it runs, and return its path."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    container = {"name": "app", "image": "registry.acme.example/web:1"}
    pod = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web"},
        "spec": {"containers": [container]},
    }
    await transport.request("POST", pods, body=msgspec.json.encode(pod))
    async with asyncio.timeout(deadline_s):
        while True:
            answer = await transport.request("GET", f"{pods}/web")
            if msgspec.json.decode(answer)["status"]["phase"] == "Running":
                return f"{pods}/web"
            await asyncio.sleep(0.1)
