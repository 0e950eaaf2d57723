"""The local Slack itself: one address that serves the Web API, Socket Mode, uploads and response urls.

The object is also the test's hand on it: people to act as, what was said, the journal, deliveries and faults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from k8sops_local_slack.board import Message
from k8sops_local_slack.delivery.outbox import Delivery
from k8sops_local_slack.delivery.signed_http import Addresses, SignedHttp
from k8sops_local_slack.delivery.sockets import Sockets
from k8sops_local_slack.faults import Faults
from k8sops_local_slack.files import File
from k8sops_local_slack.journal import Journal
from k8sops_local_slack.people.person import Person
from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.timing import Ids, RealTime, Time
from k8sops_local_slack.web.dispatch import Dispatcher, connections_open
from k8sops_local_slack.web.hooks import answer_hook
from k8sops_local_slack.workspace import Workspace
from k8sops_local_slack.world import Patience, World

Found = TypeVar("Found")
MOST_UPLOAD = 64 * 1024 * 1024


class LocalSlack:
    """A running local Slack."""

    def __init__(self, world: World, runner: web.AppRunner, sockets: Sockets) -> None:
        self.world = world
        self.sockets = sockets
        self.http: SignedHttp | None = None
        self._runner = runner
        self._people: dict[str, Person] = {}

    @classmethod
    async def start(
        cls,
        workspace: Workspace,
        *,
        clock: Time | None = None,
        seed: int = 0,
        patience: Patience | None = None,
        rate_limits: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Self:
        """Start on a loopback port (a free one unless told) and deliver over Socket Mode; OSError if it is taken."""
        world = World(workspace, clock or RealTime(), Ids(seed), patience or Patience(), Journal(), Faults())
        world.tiers.enabled = rate_limits
        sockets = Sockets(world)
        world.outbox.carrier = sockets
        application = web.Application(client_max_size=MOST_UPLOAD)
        application.add_routes(routes(world, sockets))
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        slack = cls(world, runner, sockets)
        await slack.prepare(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        world.address = f"http://{host}:{runner.addresses[0][1]}"
        return slack

    async def prepare(self, application: web.Application) -> None:
        """Add routes before the server starts: for those that show more than the API."""

    @property
    def address(self) -> str:
        """Give the server's own address."""
        return self.world.address

    @property
    def base_url(self) -> str:
        """Give what an SDK takes as its `base_url`."""
        return f"{self.world.address}/api/"

    @property
    def workspace(self) -> Workspace:
        """Give the workspace."""
        return self.world.workspace

    @property
    def journal(self) -> Journal:
        """Give the record of all calls."""
        return self.world.journal

    @property
    def faults(self) -> Faults:
        """Give what goes wrong on purpose."""
        return self.world.faults

    def person(self, user_id: str) -> Person:
        """Give the person to act as; the same object each time."""
        if user_id not in self._people:
            self._people[user_id] = Person(self.world, user_id)
        return self._people[user_id]

    def messages(self, channel_id: str, *, deleted: bool = False) -> list[Message]:
        """List all messages of a channel, oldest first, whoever sees them."""
        return self.world.board.messages(channel_id, deleted=deleted)

    def files(self) -> list[File]:
        """List all uploaded files."""
        return self.world.files.all()

    def outstanding(self) -> list[Delivery]:
        """List the deliveries that are neither acked nor given up."""
        return self.world.outbox.outstanding()

    async def deliver_over_http(self, url: str) -> SignedHttp:
        """From now on post to this request URL, signed, once it has answered the challenge."""
        carrier = SignedHttp(self.world, Addresses.one(url))
        await carrier.start()
        before, self.http = self.http, carrier
        self.world.outbox.carrier = carrier
        if before is not None:
            await before.stop()
        return carrier

    async def until(self, true: Callable[[], Found | None], seconds: float = 60.0) -> Found:
        """Wait until something is so, looking again at every change; gives what was found.

        The seconds are the machine's, and only say when to give up: then the last calls are told.
        """
        try:
            async with asyncio.timeout(seconds):
                while not (found := true()):
                    await self.world.bell.heard()
                return found
        except TimeoutError:
            last = [f"{call.method} {call.status} {call.error or 'ok'}" for call in self.journal.calls[-10:]]
            raise TimeoutError(f"not so after {seconds} s; last calls: {last}") from None

    async def sockets_open(self, count: int = 1) -> None:
        """Wait until so many sockets are connected."""
        await self.until(lambda: len(self.sockets.open) >= count)

    async def stop(self) -> None:
        """Take it down."""
        self.world.outbox.stop()
        await self.sockets.stop()
        if self.http is not None:
            await self.http.stop()
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def routes(world: World, sockets: Sockets) -> list[web.RouteDef]:
    """Lay out the addresses Slack has."""
    dispatcher = Dispatcher(world, connections_open(sockets.ticket))

    async def hook(request: web.Request) -> web.Response:
        return await answer_hook(world, request)

    async def upload(request: web.Request) -> web.Response:
        return await take_upload(world, request)

    async def download(request: web.Request) -> web.Response:
        return give_file(world, request)

    return [
        web.route("*", "/api/{method}", dispatcher.handle),
        web.get("/link/", sockets.serve),
        web.post("/hooks/{key}", hook),
        web.post("/upload/{key}", upload),
        web.get("/files/{id}/{name}", download),
    ]


async def take_upload(world: World, request: web.Request) -> web.Response:
    """Take a file's bytes, raw or as a form, at the address that was given out for them."""
    content = (
        await _form_file(request) if request.content_type.startswith("multipart/") else await request.read()
    )
    try:
        count = world.files.receive(request.match_info["key"], content)
    except Refusal as refusal:
        world.note("upload", {}, 400, refusal.answer())
        return web.Response(status=400, text=refusal.error)
    world.note("upload", {"bytes": count}, 200, {"ok": True})
    return web.Response(text=f"OK - {count}")


async def _form_file(request: web.Request) -> bytes:
    """The one file of a form: a body can be read once, so that nothing may have looked at it before."""
    files = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
    return files[0].file.read() if files else b""


def give_file(world: World, request: web.Request) -> web.Response:
    """Give a file's bytes to the app: with its token, and the scope to read files."""
    app = world.workspace.app
    allowed = request.headers.get("Authorization") == f"Bearer {app.bot_token}" and "files:read" in app.scopes
    try:
        file = world.files.get(request.match_info["id"])
    except Refusal as refusal:
        raise web.HTTPNotFound(text=json.dumps(refusal.answer())) from None
    if not allowed or not file.completed or file.content is None:
        raise web.HTTPForbidden(text="sign in to see this file")
    return web.Response(body=file.content, content_type="application/octet-stream")
