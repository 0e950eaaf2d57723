"""What a supervisor and Prometheus get from a worker, over real HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from k8sops.core.errors import CredentialsError, StoreUnreachableError, UsageError
from k8sops.engine.health import Check, Figures, HealthServer

FIGURES = Figures(
    runs={"running": 2, "awaiting_approval": 7},
    oldest_lease_s=1.5,
    schedule_lateness_s=0.25,
    open_firings=1,
    paused_schedules=3,
    audit_seq=4711,
    carrying=2,
)


async def _well() -> None:
    """Nothing to say."""


async def _hangs() -> None:
    await asyncio.Event().wait()


async def _refused() -> None:
    raise CredentialsError("the token of alice was refused: s3cr3t")


async def _breaks() -> None:
    raise KeyError("s3cr3t")


async def _figures() -> Figures:
    return FIGURES


async def _no_figures() -> Figures:
    raise StoreUnreachableError("the store does not answer")


@asynccontextmanager
async def _listening(server: HealthServer) -> AsyncIterator[str]:
    host, port = await server.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.aclose()


def _server(
    checks: Mapping[str, Check] | None = None, *, well: bool = True, deadline_s: float = 2.0
) -> HealthServer:
    snapshot = _figures if well else _no_figures
    return HealthServer(checks or {"store": _well}, snapshot, version="0.1.0", deadline_s=deadline_s)


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def _ready(url: str) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as response:
        return response.status, (await response.json())["checks"]


def _samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_worker_that_is_well_says_so() -> None:
    """Both probes, and each check by name."""
    async with _listening(_server({"store": _well, "carrier": _well, "cluster": _well})) as url:
        assert (await _get(f"{url}/healthz"))[0] == 200
        assert await _ready(url) == (200, {"store": "ok", "carrier": "ok", "cluster": "ok"})


async def test_checks_that_hang_make_it_unready_within_one_deadline() -> None:
    """A supervisor's probe has a deadline of its own: three hanging checks must not add up."""
    hanging: list[str] = []
    most: list[int] = []

    def hangs(name: str) -> Check:
        async def check() -> None:
            hanging.append(name)
            most.append(len(hanging))
            try:
                await asyncio.Event().wait()
            finally:
                hanging.remove(name)

        return check

    checks_of = {name: hangs(name) for name in "abc"}
    async with _listening(_server({**checks_of, "store": _well}, deadline_s=0.3)) as url:
        status, checks = await _ready(url)
        assert max(most) == 3, "they are waited for together"
        assert hanging == [], "and given up together"
        assert status == 503
        assert checks == dict.fromkeys("abc", "no answer within 0.3 s") | {"store": "ok"}


async def test_what_is_wrong_is_named_without_its_inner_text() -> None:
    """Anybody on the host may read the answer: codes and types, no messages."""
    async with _listening(_server({"cluster": _refused, "carrier": _breaks})) as url:
        status, text = await _get(f"{url}/readyz")

    assert status == 503
    assert "credentials" in text
    assert "KeyError" in text
    assert "s3cr3t" not in text
    assert "alice" not in text


async def test_a_worker_with_its_store_away_stays_alive() -> None:
    """A restart would not bring the store back, and would end the runs it carries."""
    async with _listening(_server({"store": _hangs}, well=False, deadline_s=0.1)) as url:
        assert (await _get(f"{url}/healthz"))[0] == 200


async def test_a_draining_worker_is_alive_and_not_ready() -> None:
    """After SIGTERM it finishes what it carries; nothing new is to be sent its way."""
    server = _server()
    async with _listening(server) as url:
        server.drain()

        assert await _ready(url) == (503, {"store": "ok", "drain": "stopping"})
        assert (await _get(f"{url}/healthz"))[0] == 200


async def test_metrics_are_what_prometheus_parses() -> None:
    """Names are contract: alerts and dashboards are written against them."""
    async with _listening(_server()) as url:
        samples = _samples((await _get(f"{url}/metrics"))[1])

    assert samples == {
        "k8sops_runsrunning": 2,
        "k8sops_runsawaiting_approval": 7,
        "k8sops_oldest_lease_seconds": 1.5,
        "k8sops_schedule_lateness_seconds": 0.25,
        "k8sops_schedule_open_firings": 1,
        "k8sops_schedules_paused": 3,
        "k8sops_audit_head_seq": 4711,
        "k8sops_carrying_runs": 2,
        "k8sops_store_up": 1,
        "k8sops_build_info0.1.0": 1,
    }


async def test_figures_that_cannot_be_read_are_not_shown_as_zero() -> None:
    """No runs and no lateness would look like a quiet night."""
    async with _listening(_server(well=False)) as url:
        status, text = await _get(f"{url}/metrics")

    samples = _samples(text)
    assert status == 200
    assert samples["k8sops_store_up"] == 0
    assert math.isnan(samples["k8sops_schedule_lateness_seconds"])
    assert "k8sops_runsrunning" not in samples


async def test_a_request_that_is_being_answered_is_answered_before_it_closes() -> None:
    """The last scrape of a worker that is stopped."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await answer.wait()

    server = _server({"slow": slow})
    host, port = await server.start()
    request = asyncio.create_task(_ready(f"http://{host}:{port}"))
    await asked.wait()
    closing = asyncio.create_task(server.aclose())
    answer.set()

    assert await request == (200, {"slow": "ok"})
    await closing
    await server.aclose()
    with pytest.raises(aiohttp.ClientConnectionError):
        await _ready(f"http://{host}:{port}")


async def test_it_listens_on_loopback_and_names_a_port_that_is_taken() -> None:
    """Two workers on one host with the same port in their configuration."""
    first = _server()
    host, port = await first.start()
    try:
        assert host == "127.0.0.1"
        with pytest.raises(UsageError, match=str(port)):
            await _server().start(port=port)
    finally:
        await first.aclose()
