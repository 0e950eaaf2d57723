"""Whatever befalls a log, each of its lines comes once, in the file's order, or a gap tells of it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k8sops.core.log_selection import LogGap, LogSelection, LogSpan
from k8sops.core.logs import SECOND_NS
from k8sops.logs import reading, stream
from k8sops.logs.following import Following
from tests.logs.kubelet import Kubelet
from tests.logs.test_following import YieldingClock

EXAMPLES = int(os.environ.get("K8SOPS_LOG_EXAMPLES", "60"))
END = "the last line"
ONE = LogSelection(namespaces=("shop",), workloads=("pod/web-1",))

Step = tuple[str, int]

STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 3 * SECOND_NS)),
    st.tuples(st.just("write"), st.integers(0, 1_000)),
    st.tuples(st.just("write"), st.integers(-900_000_000, 0)),
    st.tuples(st.just("write"), st.sampled_from([-10 * SECOND_NS, -3_600 * SECOND_NS, 3_600 * SECOND_NS])),
    st.tuples(st.just("again"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["cut", "rotate", "tell", "down", "up"]), st.just(0)),
    st.tuples(st.just("restart"), st.integers(1, 2 * SECOND_NS)),
    st.tuples(st.just("pause"), st.integers(1, 40)),
)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for real."""
    monkeypatch.setattr(stream, "SOON_S", 0.001)
    monkeypatch.setattr(stream, "LINGER_S", 0.01)
    monkeypatch.setattr(reading, "SETTLED_S", 0.01)


async def play(kubelet: Kubelet, steps: list[Step]) -> None:
    """What befalls the log, then a last line that must come."""
    for number, (what, amount) in enumerate(steps):
        match what:
            case "write":
                kubelet.write(f"line {number}", after_ns=amount)
            case "again":
                for _ in range(amount):
                    kubelet.again()
            case "restart":
                kubelet.restart(after_ns=amount)
            case "down":
                kubelet.up = False
                kubelet.cut()
            case "up":
                kubelet.up = True
            case "pause":
                for _ in range(amount):
                    await asyncio.sleep(0)
            case _:
                getattr(kubelet, what)()
    kubelet.up = True
    kubelet.tell()
    kubelet.write(END, after_ns=2 * SECOND_NS)


async def followed(steps: list[Step], at_once: int) -> tuple[Kubelet, list[str], tuple[LogGap, ...]]:
    """What was shown of it, and the gaps that were told."""
    kubelet = Kubelet(at_once)
    kubelet.write("the first line", after_ns=1)
    following = Following(kubelet, ONE, LogSpan(tail=None), YieldingClock())
    batches = following.batches()
    shown = [entry.text for entry in await anext(batches)]
    playing = asyncio.create_task(play(kubelet, steps))
    try:
        async with asyncio.timeout(3):
            while END not in shown:
                batch = await anext(batches)
                shown += [entry.text for entry in batch if not entry.marker]
        await playing
    finally:
        playing.cancel()
        await batches.aclose()
    return kubelet, shown, following.summary.gaps


def missing(kubelet: Kubelet, shown: Counter[str], gaps: tuple[LogGap, ...]) -> set[str]:
    """Lines of which fewer were shown than written, and no gap is told behind the line that was shown before them."""
    told = {gap.after_ns for gap in gaps}
    before, lost, explained = 0, set(), set()
    for life in kubelet.lives:
        written = Counter(one.text for one in life.lines)
        for one in life.lines:
            if shown[one.text] < written[one.text]:
                lost.add(one.text)
                # Of several that are alike nobody knows which one it was.
                explained |= {one.text} if told & {0, before, one.at} else set()
            before = one.at if shown[one.text] else before
    return lost - explained


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(STEPS, max_size=40), st.integers(1, 5))
@example([("write", 1), ("pause", 40), ("again", 1), ("cut", 0), ("again", 1)], 1)
@example([("write", 1), ("pause", 40), ("restart", 5), ("write", 7), ("pause", 40), ("tell", 0)], 3)
def test_each_line_comes_once_or_a_gap_tells_of_it(steps: list[Step], at_once: int) -> None:
    """The promise of following: nothing is shown twice, nothing is lost without a word."""
    kubelet, lines, gaps = asyncio.run(followed(steps, at_once))
    written = Counter(one.text for life in kubelet.lives for one in life.lines)
    shown = Counter(lines)
    assert not {text: count for text, count in shown.items() if count > written[text]}
    assert not missing(kubelet, shown, gaps)
    order = {
        text: place
        for place, text in enumerate(dict.fromkeys(one.text for life in kubelet.lives for one in life.lines))
    }
    assert [order[text] for text in lines] == sorted(order[text] for text in lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(STEPS.filter(lambda step: step[0] not in {"rotate", "restart"})), max_size=40))
def test_a_log_that_is_only_cut_has_no_gaps(steps: list[Step]) -> None:
    """A gap that is told without need would teach people to overlook them."""
    kubelet, lines, gaps = asyncio.run(followed(steps, 3))
    assert not gaps
    assert lines == [one.text for one in kubelet.life.lines]
