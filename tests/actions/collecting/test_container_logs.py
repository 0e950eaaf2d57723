"""The logs of a bundle: every line once, whatever breaks; and of what is missing, the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.actions.collecting.sources.container_logs import container_logs
from k8sops.bundle.writing import Form, a_bundle
from k8sops.core.errors import ForbiddenError, InvalidError
from k8sops.core.logs import SECOND_NS
from k8sops.redact import KeyedRedactor, TextRedactor
from tests.actions.collecting.kubelet import START_NS, Kubelet, gathering_from, restarted, stamped
from tests.bundle.bundles import ABOUT, NAME, files_in
from tests.support.bundle_sink import MemorySink

PATH = "namespaces/shop/pods/web-1/app.log"


def lines(count: int, *, per_second: int = 50) -> bytes:
    """So many, several of which are of the same nanosecond and alike."""
    step = SECOND_NS // per_second
    return b"".join(stamped(START_NS + number // 3 * step, f"line {number // 2}") for number in range(count))


async def test_a_log_is_in_the_bundle_byte_for_byte() -> None:
    """Binary garbage and all: whoever looks into it needs what the container wrote."""
    log = lines(3000) + stamped(
        START_NS + 3000 * SECOND_NS, "\x1b]0;owned\x07 \udcff".encode("utf-8", "replace").decode()
    )
    log += b"2026-11-22T16:55:00Z \xff\xfe\x00 not utf-8\n2026-11-22T16:55:01Z no end"
    sink = MemorySink()
    gathering = gathering_from(Kubelet({"web-1": log}), sink)
    await container_logs(gathering)
    assert sink.files[PATH].data == log
    assert not sink.absent
    assert (gathering.logs.done, gathering.logs.total, gathering.logs.bytes) == (1, 1, len(log))


async def test_a_secret_s_manifest_in_a_log_is_redacted_in_the_bundle(tmp_path: Path) -> None:
    """Each line is led by its time there: every rule about a line's beginning failed, and all of it was handed on."""
    manifest = "data:\n  a: aHVudGVyMg==\nkind: Secret\n", "- name: DB_PASSWORD\n  value: hunter2\n"
    said = [line for text in manifest for line in text.splitlines()]
    log = b"".join(stamped(START_NS + number, line) for number, line in enumerate(said))
    redactor = TextRedactor(KeyedRedactor(bytes(32)))
    async with a_bundle(Form(tmp_path, NAME, form="folder"), redactor.stream) as writer:
        await container_logs(gathering_from(Kubelet({"web-1": log}), writer))
        await writer.finish(ABOUT)
    done = files_in(tmp_path / NAME)[PATH]
    token = redactor.redact("password=hunter2").removeprefix("password=").encode()
    assert done == log.replace(b"aHVudGVyMg==", token).replace(b"hunter2", token)


async def test_a_stream_that_breaks_goes_on_behind_its_last_line() -> None:
    """Without a line twice, nor half of one, though the kubelet begins anew at the whole second."""
    log, sink = lines(2000), MemorySink()
    kubelet = Kubelet({"web-1": log}, breaks={"web-1": [33_333, 20_020]})
    await container_logs(gathering_from(kubelet, sink))
    assert len(kubelet.asked) == 3
    assert sink.files[PATH].data == log
    assert not sink.files[PATH].errors
    assert "taken up again 2 times" in sink.files[PATH].notes[0]


@given(st.data())
def test_wherever_it_breaks_every_line_comes_once(data: st.DataObject) -> None:
    """Also in the middle of a line, and among lines of one nanosecond that are alike."""
    log = lines(data.draw(st.integers(1, 60)), per_second=data.draw(st.sampled_from([1, 3, 1000])))
    breaks = data.draw(st.lists(st.integers(0, len(log)), max_size=2))
    sink = MemorySink()
    kubelet = Kubelet({"web-1": log}, breaks={"web-1": breaks}, piece=data.draw(st.integers(1, 200)))
    asyncio.run(container_logs(gathering_from(kubelet, sink)))
    assert sink.files[PATH].data == log


async def test_what_came_before_it_broke_for_good_is_kept() -> None:
    """An hour of lines is better than none, and the file says where it ends."""
    log, sink = lines(2000), MemorySink()
    kubelet = Kubelet({"web-1": log}, breaks={"web-1": [40_000, 10_000, 10_000]})
    await container_logs(gathering_from(kubelet, sink))
    file = sink.files[PATH]
    assert log.startswith(file.data)
    assert file.data.endswith(b"\n")
    assert len(file.data) > 40_000
    assert "the connection was reset" in file.errors[0]


async def test_one_refusal_costs_no_other_log() -> None:
    """A namespace that may not be read is missing; what has not been written yet is a note."""
    kubelet = Kubelet(
        {"web-1": lines(10), "web-2": b"", "web-3": b""},
        refuses={"web-2": ForbiddenError("not allowed"), "web-3": InvalidError("is waiting to start")},
    )
    sink = MemorySink()
    await container_logs(gathering_from(kubelet, sink))
    assert list(sink.files) == [PATH]
    assert sink.absent == {"namespaces/shop/pods/web-2/app.log": "not allowed"}
    assert sink.not_here == {"namespaces/shop/pods/web-3/app.log": "is waiting to start"}


async def test_the_life_before_a_restart_is_in_it_where_it_ended_in_the_window() -> None:
    """That is where the reason stands."""
    for at, wanted, files in (
        ("2026-11-22T16:30:00Z", True, 2),
        ("2026-11-22T15:59:00Z", True, 1),
        ("2026-11-22T16:30:00Z", False, 1),
    ):
        sink, kubelet = MemorySink(), Kubelet({"web-1": lines(5)})
        await container_logs(gathering_from(kubelet, sink, restarted(at), previous=wanted))
        assert len(sink.files) == files
        assert ("namespaces/shop/pods/web-1/app.previous.log" in sink.files) == (files == 2)
        assert any("previous" in query for _, query in kubelet.asked) == (files == 2)


async def test_lines_behind_the_window_are_cut_off_and_reading_ends() -> None:
    """Of a log of days, ten minutes are wanted."""
    log = b"".join(stamped(START_NS + number * SECOND_NS, "x" * 100) for number in range(5000))
    sink, kubelet = MemorySink(), Kubelet({"web-1": log})
    gathering = gathering_from(kubelet, sink, until_is_set=True, window=(gathering_window := _window(600)))
    await container_logs(gathering)
    assert sink.files[PATH].data == b"".join(log.splitlines(keepends=True)[:601])
    assert gathering.logs.bytes < len(log) / 2
    assert gathering_window.until_ns == START_NS + 600 * SECOND_NS


def _window(seconds: int) -> Any:
    from k8sops.actions.collecting.gathering import Window

    return Window(START_NS, START_NS + seconds * SECOND_NS)


async def test_the_limit_is_the_servers_too() -> None:
    """What would be dropped is not sent."""
    log, sink = lines(40_000), MemorySink(limit=50_000)
    kubelet = Kubelet({"web-1": log})
    await container_logs(gathering_from(kubelet, sink, most_each=50_000))
    assert int(kubelet.asked[0][1]["limitBytes"]) < 200_000
    assert sink.files[PATH].data == log[:50_000]


async def test_a_very_long_line_goes_through_in_pieces() -> None:
    """Ten megabytes without an end are not held for it."""
    log, sink = stamped(START_NS, "x" * 10_000_000) + lines(3), MemorySink()
    await container_logs(gathering_from(Kubelet({"web-1": log}, piece=100_000), sink))
    assert sink.files[PATH].data == log


async def test_lines_of_errors_become_moments_of_the_timeline() -> None:
    """By the minute, with the first that says something."""
    log = lines(3) + stamped(START_NS + 5 * SECOND_NS, "ERROR cannot reach payments") * 4
    gathering = gathering_from(Kubelet({"web-1": log}), MemorySink())
    await container_logs(gathering)
    (moment,) = gathering.moments
    assert (moment.matter, moment.count, moment.bad) == ("log", 4, True)
    assert "cannot reach payments" in moment.text


async def test_when_time_is_up_what_came_is_kept_and_the_rest_is_named() -> None:
    """Each log that is not there, and each that is not whole."""

    class Hanging(Kubelet):
        async def bytes_at(self, path: str, query: Any = (), **_: Any) -> AsyncGenerator[bytes, None]:
            if "web-0/" in path:
                yield lines(10)
            reached.release()
            await asyncio.Event().wait()

    reached, sink = asyncio.Semaphore(0), MemorySink()
    pods = {f"web-{number}": b"" for number in range(40)}
    work = asyncio.ensure_future(container_logs(gathering_from(Hanging(pods), sink)))
    for _ in range(16):
        await reached.acquire()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert len(sink.files) + len(sink.absent) == 40
    begun = sink.files["namespaces/shop/pods/web-0/app.log"]
    assert begun.data == lines(10)
    assert "time was up" in begun.errors[0]
    assert set(sink.absent.values()) == {
        "time was up before anything of it came", "time was up before it was begun",
    }  # fmt: skip
