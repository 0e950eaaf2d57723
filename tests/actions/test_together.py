"""Waits side by side: each with its own result, told as one, and a wave over before the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from k8sops.actions.together import wait_together
from k8sops.core.clock import rfc3339
from k8sops.core.errors import WaitError
from k8sops.core.events import Emission, Emit, waits
from k8sops.core.journal import Fenced
from k8sops.core.plan import Step, Target
from k8sops.core.risk import Risk

SINCE: Final = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

WITHIN_S = 180


def step(name: str) -> Step:
    """A step on a Deployment."""
    target = Target(kind="deployments.apps", name=name, namespace="shop", uid=name)
    return Step(id=name, verb="scale", target=target, why="", before={}, after={}, risk=Risk.LOW)


def progress(name: str, done: int, total: int, missing: str) -> Emission:
    """What one wait says."""
    waiting = waits(f"shop/deployments/{name}: {missing}" if missing else "", SINCE)
    data = {"done": done, "total": total, "unit": "replicas ready", **waiting}
    return Emission(kind="progress", step=name, text=f"{done} of {total} ready", data=data)


class Heard:
    """What reached the record."""

    def __init__(self) -> None:
        self.emissions: list[Emission] = []

    async def __call__(self, emission: Emission) -> None:
        await asyncio.sleep(0)
        self.emissions.append(emission)

    def of(self, kind: str) -> list[Emission]:
        """Those of a kind."""
        return [one for one in self.emissions if one.kind == kind]


async def together(names: str, **how: Callable[[Emit], Awaitable[None]]) -> tuple[dict[str, Any], Heard]:
    """Wait for some, each in its own way."""
    heard = Heard()

    async def wait(one: Step, emit: Emit) -> str:
        await how[one.id](emit)
        return f"{one.id} is ready"

    async with asyncio.timeout(WITHIN_S):
        return await wait_together([step(name) for name in names.split()], wait, heard), heard


async def test_all_are_waited_for_at_the_same_time() -> None:
    """One after the other these would wait for each other for ever."""
    here, there = asyncio.Event(), asyncio.Event()

    async def web(_: Emit) -> None:
        here.set()
        await there.wait()

    async def api(_: Emit) -> None:
        there.set()
        await here.wait()

    failed, heard = await together("web api", web=web, api=api)
    assert failed == {}
    assert {one.text for one in heard.of("note")} == {"web is ready", "api is ready"}


async def test_the_progress_is_of_all_and_names_the_slowest() -> None:
    """Whoever looks wants to know how much is left, and what holds it up."""
    spoke, look = asyncio.Event(), asyncio.Event()

    async def web(emit: Emit) -> None:
        await emit(progress("web", 3, 4, "1 replica not ready"))
        await spoke.wait()
        await emit(progress("web", 4, 4, ""))
        look.set()

    async def api(emit: Emit) -> None:
        await emit(progress("api", 1, 4, "3 replicas not ready"))
        spoke.set()
        await look.wait()
        await emit(progress("api", 4, 4, ""))

    _, heard = await together("web api", web=web, api=api)
    told = heard.of("progress")
    both = next(one for one in told if one.data["done"] == 4)
    assert both.text == "0 of 2 workloads complete, 4 of 8 replicas ready"
    assert both.data["total"] == 8
    assert both.data["waiting_for"] == "shop/deployments/api: 3 replicas not ready"
    assert both.data["waiting_since"] == rfc3339(SINCE)
    assert both.step == "api"
    assert told[-1].text == "2 of 2 workloads complete, 8 of 8 replicas ready"
    assert told[-1].data["waiting_for"] == ""


async def test_one_that_fails_leaves_the_others_their_own_result() -> None:
    """Its error is told when it happens, and the others go on to their end."""
    over = asyncio.Event()

    async def bad(_: Emit) -> None:
        over.set()
        raise WaitError("bad is not ready after 5 s")

    async def good(emit: Emit) -> None:
        await over.wait()
        await emit(progress("good", 2, 2, ""))

    failed, heard = await together("bad good", bad=bad, good=good)
    assert list(failed) == ["bad"]
    assert [one.text for one in heard.of("note")] == ["bad is not ready after 5 s", "good is ready"]
    assert heard.of("progress")[-1].text == "1 of 2 workloads complete, 2 of 2 replicas ready, 1 failed"


async def test_a_single_wait_speaks_for_itself() -> None:
    """Nothing is summed up where there is one."""

    async def web(emit: Emit) -> None:
        await emit(progress("web", 1, 2, "1 replica not ready"))

    _, heard = await together("web", web=web)
    assert heard.emissions[0] == progress("web", 1, 2, "1 replica not ready")
    assert [one.text for one in heard.of("note")] == ["web is ready"]


async def test_a_run_that_leaves_its_carrier_ends_every_wait() -> None:
    """A wait that went on would speak for a run that another carrier has by then."""
    ended = asyncio.Event()

    async def lost(_: Emit) -> None:
        raise Fenced

    async def long(_: Emit) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Fenced):
        await together("long lost", long=long, lost=lost)
    assert ended.is_set()
