"""What a worker or bot answers a supervisor: `/healthz`, `/readyz`, `/metrics` over HTTP, on loopback by default.

It knows neither store nor carrier: whether they are well, and the figures, come from functions it is given, each under
a deadline, so that a check that hangs makes the process unready and nothing else. Answers name checks and error codes;
they carry no identities and no text of a plan.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from k8sops.core.errors import K8sOpsError, UsageError

Check = Callable[[], Awaitable[None]]
"""Returns where all is well, raises otherwise; a K8sOpsError's code is shown, of another exception its type."""

log: Final = logging.getLogger(__name__)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What `/metrics` tells, read afresh at each request."""

    runs: Mapping[str, int] = {}
    """Runs by state, those that have ended long ago left out."""
    oldest_lease_s: float = 0.0
    """Seconds since the lease that was renewed longest ago."""
    schedule_lateness_s: float = 0.0
    open_firings: int = 0
    paused_schedules: int = 0
    audit_seq: int = 0
    carrying: int | None = 0
    """Runs in this process's own hands; None where whoever tells does not know."""


Snapshot = Callable[[], Awaitable[Figures]]


class Metrics:
    """The metric families, in a registry of their own, or beside those that are in the one given."""

    def __init__(self, version: str, registry: CollectorRegistry | None = None) -> None:
        self.registry: Final = registry or CollectorRegistry()
        self._runs = self._gauge("k8sops_runs", "Runs by state.", "state")
        self._oldest_lease = self._gauge(
            "k8sops_oldest_lease_seconds", "Age of the lease renewed longest ago."
        )
        self._lateness = self._gauge(
            "k8sops_schedule_lateness_seconds",
            "How long the latest firing that should have gone out is late.",
        )
        self._open = self._gauge("k8sops_schedule_open_firings", "Firings that are claimed or wait.")
        self._paused = self._gauge("k8sops_schedules_paused", "Schedules that are paused.")
        self._audit = self._gauge("k8sops_audit_head_seq", "Sequence number of the last audit record.")
        self._carrying = self._gauge("k8sops_carrying_runs", "Runs this process carries.")
        self._up = self._gauge("k8sops_store_up", "Whether the figures could be read from the store.")
        self._gauge("k8sops_build_info", "The program's version.", "version").labels(version=version).set(1)

    def show(self, figures: Figures | None) -> bytes:
        """The figures as Prometheus text; None where they could not be read: the last ones are taken away."""
        self._up.set(figures is not None)
        self._runs.clear()
        known = figures or Figures()
        for state, count in known.runs.items():
            self._runs.labels(state=state).set(count)
        missing = float("nan")
        for gauge, value in (
            (self._oldest_lease, known.oldest_lease_s),
            (self._lateness, known.schedule_lateness_s),
            (self._open, known.open_firings),
            (self._paused, known.paused_schedules),
            (self._audit, known.audit_seq),
            (self._carrying, known.carrying),
        ):
            gauge.set(missing if figures is None or value is None else value)
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


class HealthServer:
    """Serves the three paths from `start` until `aclose`."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        snapshot: Snapshot,
        *,
        version: str,
        deadline_s: float = 2.0,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._checks = dict(checks)
        self._snapshot = snapshot
        self._metrics = Metrics(version, registry)
        self._deadline_s = deadline_s
        self._draining = False
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen, and return where; port 0 takes a free one. Raises UsageError where the port cannot be had."""
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._show)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._deadline_s)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            _cannot_listen(host, port, error)
        self._runner = runner
        address = runner.addresses[0]
        return str(address[0]), int(address[1])

    def drain(self) -> None:
        """From now on not ready: the worker takes on nothing new, but still answers."""
        self._draining = True

    async def aclose(self) -> None:
        """Answer what has been asked, then stop listening; closing again does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        """Alive is who answers: a supervisor restarts on this one, which must not depend on others being well."""
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        names = list(self._checks)
        found = await asyncio.gather(*(self._ask(self._checks[name]) for name in names))
        answers = dict(zip(names, found, strict=True))
        if self._draining:
            answers["drain"] = "stopping"
        ready = all(answer == "ok" for answer in answers.values())
        body = {"status": "ok" if ready else "not ready", "checks": answers}
        return web.json_response(body, status=200 if ready else 503)

    async def _show(self, _: web.Request) -> web.Response:
        try:
            figures: Figures | None = await asyncio.wait_for(self._snapshot(), self._deadline_s)
        except (K8sOpsError, TimeoutError):
            figures = None
        body = self._metrics.show(figures)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _ask(self, check: Check) -> str:
        try:
            await asyncio.wait_for(check(), self._deadline_s)
        except TimeoutError:
            return f"no answer within {self._deadline_s:g} s"
        except K8sOpsError as error:
            return error.code
        except Exception as error:  # worker boundary: a broken check means not ready, not a page of traceback
            log.exception("a readiness check broke")
            return type(error).__name__
        return "ok"


def _cannot_listen(host: str, port: int, error: Exception) -> NoReturn:
    raise UsageError(
        f"the health server cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
        hint="choose another port; 0 takes a free one",
    ) from error
