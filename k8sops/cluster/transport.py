"""HTTP to one API server: authorised, bounded, retried where harmless, its failures told as ours.

Everything above builds on four calls: `request` (a whole answer), `stream` (a body read as it comes), `websocket`,
and views of the same connection pool (`for_run`, `read_only_view`, `dry_run_view`). Nothing here knows kinds or
objects; it speaks paths, bytes and Status answers. Refusals of the views are made here, beneath every client, so
that no caller can get round them.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal

from k8sops import __version__
from k8sops.cluster.credentials import Credentials, Grant
from k8sops.cluster.delivery import Delivery
from k8sops.cluster.early import EarlyReads
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.pool import Pool
from k8sops.cluster.pulse import Pulse
from k8sops.cluster.retry import REPEATABLE_METHODS, NeverSentError, send_repeatedly
from k8sops.cluster.status import Asked, error_of_answer
from k8sops.cluster.transport_guard import SAFE_METHODS, Mode, guarded, may_change
from k8sops.cluster.transport_url import Headers, Query, accept_encoding, pairs_of, selectors_of, url_of
from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import CredentialsError, DeadlineError, K8sOpsError, ReadOnlyError

if TYPE_CHECKING:
    import aiohttp

DEFAULT_IN_FLIGHT: Final = 16
LONGEST_COUNTED_S: Final = 60.0
GATED_ATTEMPT_S: Final = 4.0
"""A mutation through a gated view is answered within this, or given up: its lease must outlive it."""


class Transport:
    """One API server, one pool of connections. Made inside a running event loop, closed by `aclose`.

    Views share pool, credentials and in-flight limit with the transport they were taken from; closing a view does
    nothing.
    """

    user_agent: str

    def __init__(
        self,
        credentials: Credentials,
        *,
        clock: Clock | None = None,
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        jitter: random.Random | None = None,
        early: bool = False,
    ) -> None:
        """With `early` the first reads are sent before the HTTP client is loaded, until `end_early`."""
        self.credentials: Final = credentials
        self.user_agent = f"k8sops/{__version__}"
        self._clock = clock or SystemClock()
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._slots = asyncio.Semaphore(max_in_flight)
        self._mode: Mode = "write"
        self._impersonation = credentials.impersonation
        self._gate: Callable[[], Awaitable[None]] | None = None
        self._owner = True
        self._accept_encoding = accept_encoding(credentials.server)
        self._early = EarlyReads(credentials) if early else None
        self._pool = Pool(credentials, self._early)
        self.pulse: Final = Pulse(self, self._clock)

    @property
    def server(self) -> str:
        """The API server's URL, without a slash at its end."""
        return self.credentials.server

    def for_run(self, run_id: str, impersonation: Impersonation | None = None) -> Transport:
        """A view whose requests carry the run's id in their User-Agent, where the server's audit log keeps it.

        With `impersonation` they are made as that user, in place of whom the credentials ask for.
        """
        view = self._view()
        view.user_agent = f"k8sops/{__version__} (run {run_id})"
        view._impersonation = impersonation or self._impersonation
        return view

    def acting_as(self, impersonation: Impersonation) -> Transport:
        """A view whose every request is made as that user, in place of whom the credentials ask for."""
        view = self._view()
        view._impersonation = impersonation
        return view

    def gated(self, gate: Callable[[], Awaitable[None]]) -> Transport:
        """A view that asks `gate` before each attempt of a mutation, and gives the attempt 4 s.

        What the gate raises is raised here: the request is not sent.
        """
        view = self._view()
        view._gate = gate
        return view

    def read_only_view(self) -> Transport:
        """A view that refuses, with ReadOnlyError, everything that could change the cluster; dry runs pass."""
        view = self._view()
        view._mode = "read_only"
        return view

    def dry_run_view(self) -> Transport:
        """A view that adds `dryRun=All` to every mutating request."""
        view = self._view()
        view._mode = "dry_run"
        return view

    def _view(self) -> Transport:
        view = copy.copy(self)
        view._owner = False
        return view

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        deadline_s: float = 30.0,
        repeatable: bool | None = None,
        retry_429: bool = True,
        subject: str = "",
    ) -> bytes:
        """The body of the answer, within `deadline_s` seconds, waiting for a free slot and retries included.

        `repeatable` None goes by verb: GET and HEAD are sent again after a failure on the way, other verbs only
        if the caller says that a repeat is harmless. `subject` names the object in messages ("deployment shop/web").
        Raises what `status` and `transport_errors` map to; DeadlineError says what was waited for. Where a change was
        sent and may have been made, whatever is raised says so (`outcome_unknown`).
        """
        asked = Asked(method, path, subject, self.credentials.username, selectors_of(query))
        pairs, body = guarded(self._mode, method, path, pairs_of(query), body)
        may_repeat = method in REPEATABLE_METHODS if repeatable is None else repeatable
        delivery = Delivery(changes=may_change(self._mode, method, path))
        last: list[Exception] = []
        await self._ready(method)

        async def send() -> bytes:
            try:
                async with self._slots:
                    return await self._exchange(asked, delivery, pairs, body, content_type, accept)
            except Exception as error:
                last[:] = [error]
                delivery.failed(error)
                raise

        try:
            async with asyncio.timeout(deadline_s):
                return await send_repeatedly(
                    send,
                    clock=self._clock,
                    source=self._jitter,
                    deadline_s=deadline_s,
                    repeatable=may_repeat,
                    retry_429=retry_429,
                )
        except TimeoutError as error:
            tried = f"; the last try failed: {last[0]}" if last else ""
            raise DeadlineError(
                f"{asked.sentence}: {self.server} (context {self.credentials.context!r}) did not answer"
                f" within {deadline_s:g} s{tried}",
                hint="try again later, or check the API server's load and the network between",
                outcome_unknown=delivery.outcome_unknown,
            ) from error
        except K8sOpsError as error:
            error.outcome_unknown = delivery.outcome_unknown
            raise

    async def _ready(self, method: str = "") -> None:
        """Have what a request takes before its time runs.

        A plugin has a deadline of its own; neither it nor what we load may be told as the server's slowness.
        """
        await self.credentials.grant()
        if method != "GET" or self._early is None or self._early.ended:
            await self._pool.wire()

    async def _exchange(
        self,
        asked: Asked,
        delivery: Delivery,
        pairs: Sequence[tuple[str, str]],
        body: bytes | None,
        content_type: str,
        accept: str,
    ) -> bytes:
        """One request and its answer; a refused credential is renewed once."""
        if self._gate is None or self._mode != "write" or asked.method in SAFE_METHODS:
            return await self._answer(asked, delivery, pairs, body, content_type, accept)
        await self._gate()
        try:
            async with asyncio.timeout(GATED_ATTEMPT_S):
                return await self._answer(asked, delivery, pairs, body, content_type, accept)
        except TimeoutError as error:
            if not delivery.sent:
                raise NeverSentError(
                    f"{asked.sentence}: the change could not be sent to {self.server} (context "
                    f"{self.credentials.context!r}) within {GATED_ATTEMPT_S:g} s",
                    hint="check that the API server is up, and the network between",
                ) from error
            raise DeadlineError(
                f"{asked.sentence}: {self.server} did not answer a change within {GATED_ATTEMPT_S:g} s; "
                "it may or may not have been made",
                hint="look at the object before trying again",
            ) from error

    async def _answer(
        self,
        asked: Asked,
        delivery: Delivery,
        pairs: Sequence[tuple[str, str]],
        body: bytes | None,
        content_type: str,
        accept: str,
    ) -> bytes:
        extra = {"Content-Type": content_type} if body is not None else {}
        headers = {"Accept": accept, **extra}
        if self._early is not None and asked.method == "GET":
            url = url_of(self.server, asked.path, pairs)
            if early := await self._early.read(url, self._headers(headers)):
                if early.status >= 300:
                    raise error_of_answer(asked, early.status, {}, early.body, self.server)
                return early.body
        async with self._opened(asked, pairs, headers, data=body, delivery=delivery) as response:
            payload = await response.read()
        if response.status >= 300:
            raise error_of_answer(asked, response.status, response.headers, payload, self.server)
        return payload

    @asynccontextmanager
    async def _opened(
        self,
        asked: Asked,
        pairs: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        read_timeout_s: float | None = None,
        buffer_bytes: int | None = None,
        delivery: Delivery | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = url_of(self.server, asked.path, pairs)
        wire = await self._pool.wire()
        for last_try in (False, True):
            grant = await self.credentials.grant()
            with wire.errors_told(asked):
                async with wire.request(
                    asked.method,
                    url,
                    self._headers(headers, grant.headers),
                    grant.ssl,
                    data=data,
                    delivery=delivery,
                    read_timeout_s=read_timeout_s,
                    buffer_bytes=buffer_bytes,
                ) as response:
                    if response.status != 401:
                        yield response
                        return
                    if delivery is not None:
                        delivery.answered()
                    payload = await response.read()
            if last_try or not await self.credentials.renew(grant):
                raise await self._refused(asked, response, payload)
        raise AssertionError("unreachable: the second 401 raises")

    async def _refused(self, asked: Asked, response: aiohttp.ClientResponse, payload: bytes) -> Exception:
        why = await self.credentials.refusal_reason()
        if why:
            return CredentialsError(why, hint="renew the credentials in the kubeconfig and try again")
        return error_of_answer(asked, response.status, response.headers, payload, self.server)

    def _headers(self, own: Mapping[str, str], granted: Headers = ()) -> Headers:
        about_us = (("User-Agent", self.user_agent), ("Accept-Encoding", self._accept_encoding))
        return [*own.items(), *about_us, *self._impersonation.headers(), *granted]

    def stream(
        self,
        path: str,
        *,
        query: Query = (),
        accept: str = "application/json",
        connect_deadline_s: float = 10.0,
        read_timeout_s: float | None = None,
        counted: bool | None = None,
        buffer_bytes: int | None = None,
        on_sent: Callable[[], None] | None = None,
        subject: str = "",
    ) -> AbstractAsyncContextManager[aiohttp.StreamReader]:
        """A GET whose body is read as it comes: a watch, a followed log. Tried once; whoever reads it retries.

        Waits at most `connect_deadline_s` for the headers and, between two pieces of the body, `read_timeout_s`
        (None: for ever). Holds an in-flight slot only until the headers are there; not at all where they may be
        longer than a request in coming (a silent container's log), or `counted` is False. Failures while reading
        are told as ours too. `buffer_bytes` bounds what waits unread; `on_sent` is called when the request goes out.
        """
        waits = connect_deadline_s <= LONGEST_COUNTED_S if counted is None else counted
        asked = Asked("GET", path, subject, self.credentials.username, selectors_of(query))
        guarded(self._mode, "GET", path, pairs_of(query))
        opened = self._opened(
            asked,
            pairs_of(query),
            {"Accept": accept},
            read_timeout_s=read_timeout_s,
            buffer_bytes=buffer_bytes,
            delivery=Delivery(changes=False, on_sent=on_sent),
        )
        return self._stream(opened, asked, connect_deadline_s, waits)

    @asynccontextmanager
    async def _stream(
        self,
        opened: AbstractAsyncContextManager[aiohttp.ClientResponse],
        asked: Asked,
        connect_deadline_s: float,
        counted: bool,
    ) -> AsyncIterator[aiohttp.StreamReader]:
        await self._ready()
        response = await self._entered(opened, asked, connect_deadline_s, counted)
        try:
            if response.status >= 300:
                payload = await response.read()
                raise error_of_answer(asked, response.status, response.headers, payload, self.server)
            with (await self._pool.wire()).errors_told(asked):
                yield response.content
        finally:
            # The rest of a stream is never wanted: closing beats reading it out for the pool's sake.
            response.close()
            await opened.__aexit__(None, None, None)

    async def _entered(
        self,
        opened: AbstractAsyncContextManager[aiohttp.ClientResponse],
        asked: Asked,
        deadline_s: float,
        counted: bool,
    ) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(deadline_s):
                if not counted:
                    return await opened.__aenter__()
                async with self._slots:
                    return await opened.__aenter__()
        except TimeoutError as error:
            raise DeadlineError(
                f"{asked.sentence}: {self.server} (context {self.credentials.context!r}) sent no headers"
                f" within {deadline_s:g} s",
                hint="try again later, or check the API server's load and the network between",
            ) from error

    async def websocket(
        self,
        path: str,
        *,
        query: Query = (),
        protocols: Sequence[str],
        connect_deadline_s: float = 10.0,
        subject: str = "",
    ) -> aiohttp.ClientWebSocketResponse[Literal[True]]:
        """An open WebSocket (exec, attach, port-forward); the caller closes it. Read-only views refuse."""
        asked = Asked("GET", path, subject, self.credentials.username)
        if self._mode != "write":
            raise ReadOnlyError(f"{asked.sentence}: refused, this view of the cluster can only read")
        if self._gate is not None:
            await self._gate()
        url = url_of(self.server, path, pairs_of(query))
        await self._ready()
        try:
            async with asyncio.timeout(connect_deadline_s):
                grant = await self.credentials.grant()
                try:
                    return await self._upgraded(asked, url, protocols, grant)
                except CredentialsError:
                    if not await self.credentials.renew(grant):
                        raise
                return await self._upgraded(asked, url, protocols, await self.credentials.grant())
        except TimeoutError as error:
            raise DeadlineError(
                f"{asked.sentence}: no WebSocket from {self.server} within {connect_deadline_s:g} s"
            ) from error

    async def _upgraded(
        self, asked: Asked, url: str, protocols: Sequence[str], grant: Grant
    ) -> aiohttp.ClientWebSocketResponse[Literal[True]]:
        wire = await self._pool.wire()
        with wire.errors_told(asked):
            return await wire.websocket(url, self._headers({}, grant.headers), grant.ssl, protocols)

    def end_early(self) -> None:
        """What is read from now on goes through the HTTP client. Idempotent."""
        if self._early is not None:
            self._early.end()

    async def aclose(self) -> None:
        """Close the pool. Idempotent; on a view it does nothing."""
        if self._owner:
            self.end_early()
            await self.pulse.aclose()
            await self._pool.aclose()
