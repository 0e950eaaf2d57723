"""The page's own addresses: what there is to see, what one does, and a wake-up at every change.

Anyone who reaches them can act as anyone, so they are served on loopback only, and only to the page itself: requests
from other origins and under other names are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from k8sops_local_slack.page.drawing import Drawing
from k8sops_local_slack.people.form import Incomplete
from k8sops_local_slack.people.person import Person
from k8sops_local_slack.refusals import NotVisible
from k8sops_local_slack.server import LocalSlack

Guide = Sequence[tuple[str, str]]
HERE = Path(__file__).parent
FILES = {"": "index.html", "page.js": "page.js", "controls.js": "controls.js", "page.css": "page.css"}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LONGEST_WAIT = 20.0


HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class PagedSlack(LocalSlack):
    """A local Slack with the page on it."""

    guide: Guide = ()
    """What the page suggests to try, each with the line to send where there is one."""

    async def prepare(self, application: web.Application) -> None:
        """Add the page's addresses."""
        application.middlewares.append(own_page_only)
        application.add_routes(
            [
                web.get("/page/state", self._state),
                web.post("/page/act", self._act),
                web.get("/page/file/{id}", self._file),
                *(web.get(f"/{name}", _static(name)) for name in FILES),
            ]
        )

    def _person(self, request: web.Request) -> Person:
        user_id = request.query.get("as", "")
        if user_id not in self.workspace.users or self.workspace.users[user_id].is_bot:
            user_id = next(user.id for user in self.workspace.users.values() if not user.is_bot)
        return self.person(user_id)

    async def _state(self, request: web.Request) -> web.Response:
        if request.query.get("seen") == str(self.world.bell.rung):
            try:
                await asyncio.wait_for(self.world.bell.heard(), LONGEST_WAIT)
            except TimeoutError:
                return web.json_response(None)
        person = self._person(request)
        drawn = Drawing(self.world, person).all(request.query.get("channel"))
        return web.json_response(drawn | {"guide": self.guide})

    async def _file(self, request: web.Request) -> web.Response:
        try:
            content = self._person(request).download(request.match_info["id"])
        except NotVisible as unseen:
            raise web.HTTPNotFound(text=str(unseen)) from None
        return web.Response(body=content, content_type="text/plain", charset="utf-8", headers=HEADERS)

    async def _act(self, request: web.Request) -> web.Response:
        done: dict[str, Any] = await request.json()
        try:
            found = await act(self._person(request), done)
        except (NotVisible, Incomplete) as unseen:
            return web.json_response({"error": str(unseen)})
        return web.json_response({"found": found})


async def act(person: Person, done: dict[str, Any]) -> Any:
    """Do as a person what was done on the page; a search gives what is offered."""
    what, where, name = done["what"], done.get("where", ""), done.get("name", "")
    if what == "say":
        text, channel = done["text"], done["channel"]
        if text.startswith("/") and done.get("thread"):
            raise NotVisible(f"{text.partition(' ')[0]} is not supported in threads. Sorry!")
        if text.startswith("/"):
            await person.slash(text, channel, wait=False)
        else:
            await person.say(person.written(text), channel, thread=done.get("thread"), wait=False)
    elif what == "click":
        await person.click(where, name, wait=False)
    elif what == "choose":
        await person.choose(where, name, done["value"], wait=False)
    elif what == "search":
        return await person.search(where, name, done["value"])
    elif what == "submit":
        await person.submit(wait=False)
    elif what == "close":
        await person.close_modal(wait=False)
    elif what == "home":
        await person.open_home(wait=False)
    elif what == "shortcut" and where:
        await person.message_shortcut(where, name, wait=False)
    elif what == "shortcut":
        await person.shortcut(name, wait=False)
    return None


def _static(name: str) -> Any:
    path = HERE / FILES[name]
    text = path.read_text(encoding="utf-8")

    async def give(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=KINDS[path.suffix], headers=HEADERS)

    return give


@web.middleware
async def own_page_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse what another site's page sends here, also under a name that was made to point to loopback."""
    if request.path.startswith("/page/"):
        origin = request.headers.get("Origin")
        host = request.host.rsplit(":", 1)[0]
        if host not in {"127.0.0.1", "localhost"} or (origin and origin != f"http://{request.host}"):
            raise web.HTTPForbidden(text="this page is for itself alone")
    response: web.StreamResponse = await handler(request)
    return response
