"""What pods use is made up, but has to look and behave like usage: smooth, bounded, the same for all who ask."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from k8sops.core.errors import SandboxError
from k8sops.sandbox.played.quantities import MEBI, cores, memory, number
from k8sops.sandbox.played.tables import table, wants_table
from k8sops.sandbox.played.usage import TICK_SECONDS, Bounds, Meter, Usage, wave
from k8sops.sandbox.played.workqueue import Retry, WorkQueue

METER = Meter("a sandbox")
USUAL = Bounds(0.1, 128 * MEBI, 0.0, 256 * MEBI)
HOUR = range(1_800_000_000, 1_800_003_600, TICK_SECONDS)


def course(bounds: Bounds = USUAL, load: float = 0.0, key: str = "uid/app") -> list[Usage]:
    """An hour of one container."""
    return [METER.healthy(key, bounds, moment, load) for moment in HOUR]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("2", 2.0),
        ("1.5Gi", 1.5 * 1024**3),
        ("128M", 128e6),
        ("1e3", 1000.0),
        ("93750000n", 0.09375),
        ("nonsense", 0.0),
        ("", 0.0),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, value: float) -> None:
    """A request that is misread by its unit makes usage absurd by a factor of a thousand."""
    assert number(text) == pytest.approx(value)


def test_usage_is_written_as_metrics_server_writes_it() -> None:
    """kubectl and autoscalers parse these."""
    assert (cores(0.0125), memory(64 * MEBI)) == ("12500000n", "65536Ki")


def test_the_same_question_has_the_same_answer_and_every_pod_its_own() -> None:
    """A pod's figure in `top pods` and in its node's sum must be one; equal pods must not look copied."""
    assert course() == course()
    again = Meter("a sandbox").healthy("uid/app", USUAL, HOUR[7])
    assert again == METER.healthy("uid/app", USUAL, HOUR[7])
    assert again != METER.healthy("other/app", USUAL, HOUR[7])
    assert again != Meter("another sandbox").healthy("uid/app", USUAL, HOUR[7])


def test_usage_moves_and_does_not_jump() -> None:
    """A live view of noise says nothing; one that stands still looks broken."""
    used = [one.cpu for one in course()]
    steps = [abs(after - before) for before, after in pairwise(used)]
    assert max(used) > 1.1 * min(used)
    assert max(steps) < 0.5 * (max(used) - min(used))
    assert all(-1 <= wave(moment, 0.3, 0.6) <= 1 for moment in HOUR)


@pytest.mark.parametrize(
    "bounds", [USUAL, Bounds(), Bounds(0.0, 0.0, 0.5, 64 * MEBI), Bounds(2.0, 900 * MEBI, 0.3, 512 * MEBI)]
)
def test_a_healthy_container_stays_below_its_limits(bounds: Bounds) -> None:
    """Above the limit it would have been killed."""
    for one in course(bounds):
        assert one.cpu > 0
        assert one.memory > 0
        assert not bounds.cpu_limit or one.cpu < bounds.cpu_limit
        assert not bounds.memory_limit or one.memory < bounds.memory_limit


def test_a_given_load_stays_within_an_autoscalers_tolerance() -> None:
    """Ten per cent (kube-controller-manager's default): the company's autoscalers hold their numbers by this."""
    assert all(0.28 * 0.91 < one.cpu < 0.28 * 1.09 for one in course(load=0.28))


def test_a_crash_loop_uses_nearly_nothing_and_a_leak_nearly_all_there_is() -> None:
    """The two that a person looks for in `top`."""
    for moment in HOUR:
        crashing = METER.crashing("uid/app", moment)
        assert crashing.cpu < 0.003
        assert crashing.memory < 4 * MEBI
        swelling = METER.swelling("uid/app", USUAL, moment)
        assert 0.9 < swelling.memory / USUAL.memory_limit < 1


def test_a_table_is_made_for_those_alone_who_ask_for_one() -> None:
    """`get podmetrics` of kubectl and of k8sops ask for a Table; autoscalers read the list."""
    asked = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    assert wants_table(asked)
    assert not wants_table("application/json")
    assert not wants_table("application/json,application/json;as=Table;v=v1;g=meta.k8s.io")
    usage = {"cpu": "12500000n", "memory": "65536Ki"}
    item = {"metadata": {"name": "web"}, "window": "15s", "containers": [{"name": "a", "usage": usage}] * 2}
    (row,) = table([item], "Metadata")["rows"]
    assert row["cells"] == ["web", "25m", "128Mi", "15s"]
    assert row["object"]["metadata"] == {"name": "web"}
    assert table([item], "None")["rows"][0]["object"] is None


async def test_a_queue_takes_the_newest_version_and_tries_again_after_a_failure() -> None:
    """A claim that was refused once, while its class was missing, must not stay pending for ever."""
    handled: list[tuple[str, int]] = []
    go_on, over = asyncio.Event(), asyncio.Event()

    async def handle(item: dict[str, Any]) -> None:
        await go_on.wait()
        handled.append((item["metadata"]["name"], item["version"]))
        if len(handled) == 1:
            raise Retry("not yet")
        if len(handled) == 2:
            raise SandboxError("refused")
        if item["version"] == 3:
            over.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        queue = WorkQueue(group, handle, again_seconds=0)
        queue.add({"metadata": {"name": "one"}, "version": 1})
        await asyncio.sleep(0)
        for version in (2, 3):
            queue.add({"metadata": {"name": "one"}, "version": version})
        go_on.set()
        await over.wait()
    assert handled == [("one", 1), ("one", 3), ("one", 3)]
