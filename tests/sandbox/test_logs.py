"""What a container's log holds, and which part of it a client is given: figures and tests of others rest on it.

Lives, options and moments are given; nothing is waited for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import pytest

from k8sops.core.logs import stamp_ns
from k8sops.sandbox.logs.hostile import LONG_LINE_BYTES
from k8sops.sandbox.logs.lives import Refusal, life_of
from k8sops.sandbox.logs.reading import Reading
from k8sops.sandbox.logs.scripts import SCRIPTS

START: Final = "2026-11-22T14:00:00Z"
START_NS: Final = int(datetime.fromisoformat(START).timestamp()) * 1_000_000_000
S: Final = 1_000_000_000
STAMPED: Final = {"timestamps": "true"}


def pod(script: str, *, state: Mapping[str, Any] | None = None, **annotations: str) -> dict[str, Any]:
    """A pod whose one container talks by this script, twenty lines a second unless said otherwise."""
    given = {"log": script, "log_rate": "20", **annotations}
    status: dict[str, Any] = {"name": "app", "restartCount": 0, "state": {"running": {"startedAt": START}}}
    return {
        "metadata": {
            "uid": "8f2f",
            "name": "web-1",
            "creationTimestamp": START,
            "annotations": {
                f"sandbox.k8sops.dev/{name.replace('_', '-')}": text for name, text in given.items()
            },
        },
        "spec": {"containers": [{"name": "app"}]},
        "status": {"containerStatuses": [{**status, **(state or {})}]},
    }


def over(restart: int, ended: str) -> dict[str, Any]:
    """The state of a container that was ended at that time, and runs again."""
    end = {"startedAt": START, "finishedAt": ended, "reason": "Error", "exitCode": 1}
    return {
        "restartCount": restart,
        "state": {"running": {"startedAt": ended}},
        "lastState": {"terminated": end},
    }


def read(
    found: dict[str, Any], options: Mapping[str, str], seconds: float, *, previous: bool = False
) -> bytes:
    """All that a request is given so many seconds after the start."""
    life = life_of(found, "shop/web-1", "app", previous=previous)
    return b"".join(Reading(life, options, START_NS + int(seconds * S)).lines())


def numbers(text: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb" n=(\d+) ", text)]


def stamps(text: bytes) -> list[int]:
    return [stamp_ns(line.split(b" ", 1)[0].decode()) for line in text.splitlines()]


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name != "longline"])
def test_a_log_is_the_same_however_it_is_read(script: str) -> None:
    """Whoever counts lines must count the same when they come one by one, all at once, or from a later start."""
    found = pod(script, log_keep="5000")
    followed = Reading(life_of(found, "", "app", previous=False), STAMPED, START_NS)
    pieces = list(followed.lines())
    for tenths in range(1, 60):
        pieces += followed.more(START_NS + tenths * S // 10)
    whole = read(found, STAMPED, 5.9)
    # A carriage return ends no line.
    lines = re.findall(rb"[^\n]*\n", whole)
    assert b"".join(pieces) == whole
    assert len(lines) > 50
    for tail in (1, 7, 60):
        assert read(found, {**STAMPED, "tailLines": str(tail)}, 5.9) == b"".join(lines[-tail:])


def test_lines_come_at_their_rate_and_bear_their_numbers() -> None:
    """A client counts by these numbers what it lost."""
    text = read(pod("numbered", log_rate="40"), STAMPED, 30)
    assert numbers(text) == list(range(len(numbers(text))))
    assert 1199 <= len(numbers(text)) <= 1201
    assert all(before < after for before, after in pairwise(stamps(text)))


def test_since_includes_its_very_moment_and_tail_goes_before_it() -> None:
    """A client that lost its connection asks for the last moment it saw, and must get that line again."""
    assert numbers(read(pod("numbered"), {"sinceTime": START}, 2))[0] == 0
    after = {"sinceTime": "2026-11-22T14:00:01Z"}
    every = numbers(read(pod("numbered"), after, 2))
    assert every[0] in {20, 21}
    assert numbers(read(pod("numbered"), {**after, "tailLines": "3"}, 2)) == every[-3:]
    assert numbers(read(pod("numbered"), {**after, "tailLines": "1000"}, 2)) == every
    assert read(pod("numbered"), {"sinceTime": "2026-11-22T15:00:00Z"}, 2) == b""
    assert numbers(read(pod("numbered"), {"sinceSeconds": "1"}, 10))[0] in {180, 181}


def test_no_more_bytes_are_given_than_were_asked_for() -> None:
    """Limits of bytes cut within a line, as a kubelet's do."""
    assert len(read(pod("numbered"), {"limitBytes": "1000"}, 60)) == 1000
    life = life_of(pod("numbered"), "", "app", previous=False)
    reading = Reading(life, {"limitBytes": "500"}, START_NS)
    text = b"".join((*reading.lines(), *reading.more(START_NS + 60 * S)))
    assert (len(text), reading.over) == (500, True)


def test_a_rotated_log_keeps_its_last_lines_alone() -> None:
    """A reader that comes late has missed some, and has to say so."""
    kept = numbers(read(pod("rotating"), {}, 60))
    assert kept == list(range(kept[-1] - 99, kept[-1] + 1))
    assert kept[-1] in {1199, 1200}
    assert len(numbers(read(pod("numbered", log_keep="7"), {}, 60))) == 7


def test_twins_are_alike_to_the_nanosecond() -> None:
    """Lines that only their count tells apart."""
    lines = read(pod("twins"), STAMPED, 10).splitlines()[:40]
    for first in range(0, 40, 4):
        assert lines[first] == lines[first + 1] == lines[first + 2] != lines[first + 3]
        assert lines[first][:30] == lines[first + 3][:30]


def test_a_skewed_clock_jumps_and_the_lines_stay_in_order() -> None:
    """What a reader may not do is sort by time, or believe that a late stamp means that it has all before."""
    text = read(pod("skewed"), STAMPED, 10)
    assert numbers(text) == list(range(len(numbers(text))))
    jumps = [after - before for before, after in pairwise(stamps(text))]
    assert min(jumps) < -3000 * S
    assert max(jumps) > 3000 * S
    late = read(pod("skewed"), {**STAMPED, "sinceTime": "2026-11-22T14:30:00Z"}, 10)
    assert {number % 25 for number in numbers(late)} == {24}


def test_a_bulk_log_has_its_size_and_its_times() -> None:
    """Two megabytes for each pod, of which one line in a hundred at most gives a secret away."""
    text = read(pod("bulk"), STAMPED, 60)
    lines = text.splitlines(keepends=True)
    assert abs(sum(len(line) - 31 for line in lines) - 2_000_000) < 40_000
    assert {after - before for before, after in pairwise(stamps(text))} == {100_000}
    assert read(pod("bulk"), {}, 60) == b"".join(line[31:] for line in lines)
    assert read(pod("bulk"), {**STAMPED, "tailLines": "250"}, 60) == b"".join(lines[-250:])
    assert read(pod("bulk"), {**STAMPED, "sinceTime": "2026-11-22T14:00:01Z"}, 60) == b"".join(lines[10_000:])
    assert len(read(pod("bulk", log_size="100000"), {}, 60)) < 120_000


def test_hostile_lines_are_what_they_are_called() -> None:
    """Tests of readers would pass for the wrong reason if these were harmless."""
    assert max(len(line) for line in read(pod("longline"), {}, 1).splitlines()) == LONG_LINE_BYTES
    assert b"\x1b]52;" in read(pod("ansi"), {}, 2)
    with pytest.raises(UnicodeDecodeError):
        read(pod("badutf8"), {}, 2).decode()
    binary = read(pod("binary"), {}, 30)
    assert b"\0" in binary
    assert b"\r" in binary
    assert numbers(binary)[:3] == [3, 7, 11]
    assert b"PRIVATE KEY-----" in read(pod("secrets"), {}, 10)
    assert b"Caused by: " in read(pod("stacktraces"), {}, 10)


def test_the_life_before_ends_where_its_followers_saw_it_end() -> None:
    """Nothing may be in the log of a life that is over but what its followers were given, and no less."""
    reading = Reading(life_of(pod("numbered"), "", "app", previous=False), STAMPED, START_NS)
    seen = list(reading.lines())
    seen += reading.more(START_NS + int(20.9 * S))
    restarted = pod("numbered", state=over(1, "2026-11-22T14:00:20Z"))
    reading.ended(life_of(restarted, "", "app", previous=True))
    seen += reading.lines()
    assert reading.over
    assert b"".join(seen) == read(restarted, STAMPED, 21, previous=True)
    assert b"exit status 2" in b"".join(seen)
    present = read(restarted, STAMPED, 25)
    assert numbers(present)[0] == 0
    talk = b"".join(line for line in b"".join(seen).splitlines(keepends=True) if b" n=" in line)
    assert stamps(present)[0] > max(stamps(talk))


def test_a_log_that_cannot_be_shown_is_refused_as_a_kubelet_does() -> None:
    """Clients tell these sentences to people."""
    with pytest.raises(Refusal, match="previous terminated container 'app' in pod 'web-1' not found"):
        life_of(pod("web"), "shop/web-1", "app", previous=True)
    with pytest.raises(Refusal, match="waiting to start: ContainerCreating"):
        life_of(pod("web"), "shop/web-1", "other", previous=False)
    with pytest.raises(Refusal, match="not known"):
        life_of(None, "shop/web-1", "app", previous=False)
