"""The page to click in: what it shows is what the person sees, and nobody but the page itself can act through it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import Workspace
from k8sops_local_slack.__main__ import two_people
from k8sops_local_slack.page.served import PagedSlack
from tests.slack.local.support import ALICE, BOB, OPS, RawBot, actions, asked, button, modal, section

PAGE = Path(__file__).parents[3] / "bots" / "k8sops_local_slack" / "page"


@pytest.fixture
async def paged(space: Workspace) -> AsyncIterator[PagedSlack]:
    async with await PagedSlack.start(space) as running:
        yield running


@pytest.fixture
async def browser(paged: PagedSlack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(paged.address) as session:
        yield session


async def see(browser: aiohttp.ClientSession, person: str, channel: str = OPS) -> dict[str, Any]:
    async with browser.get("/page/state", params={"as": person, "channel": channel}) as response:
        state: dict[str, Any] = await response.json()
        return state


async def act(browser: aiohttp.ClientSession, person: str, **done: Any) -> dict[str, Any]:
    async with browser.post("/page/act", params={"as": person}, data=json.dumps(done)) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def test_the_page_needs_nothing_from_elsewhere_and_says_so(browser: aiohttp.ClientSession) -> None:
    """The demo works without a network, and its policy would stop whatever a message smuggled in."""
    for name in ("", "page.js", "page.css"):
        async with browser.get(f"/{name}") as response:
            assert response.status == 200
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "http://" not in (text := await response.text())
            assert "https://" not in text


def test_the_script_sets_texts_never_html() -> None:
    """One `innerHTML` would let a message run as a program."""
    script = (PAGE / "page.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


async def test_each_person_is_shown_their_own(paged: PagedSlack, browser: aiohttp.ClientSession) -> None:
    """Ephemeral messages and rooms of others are not in the answer at all."""
    client = AsyncWebClient(token=paged.workspace.app.bot_token, base_url=paged.base_url)
    await client.chat_postMessage(
        channel=OPS, text="card", blocks=[section("*3* &lt;b&gt;"), actions(button("go", "Go"))]
    )
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="only you")
    alice, bob = await see(browser, ALICE), await see(browser, BOB)
    assert [message["text"] for message in alice["messages"]] == ["", "only you"]
    assert len(bob["messages"]) == 1
    assert bob["messages"][0]["blocks"][0]["texts"] == [["*3* <b>", True]]
    assert bob["messages"][0]["blocks"][1]["elements"][0]["text"] == "Go"
    assert "C0OTHER" not in {room["id"] for room in bob["rooms"]}


async def test_a_form_is_filled_and_sent_through_the_page(
    paged: PagedSlack, browser: aiohttp.ClientSession
) -> None:
    """Command, form, and the app gets what was typed; what is missing is said in words."""
    async with RawBot(paged) as bot:
        await bot.connect()
        await act(browser, ALICE, what="say", text="/k8s drain", channel=OPS)
        command = await bot.receive()
        await bot.ack(command)
        client = AsyncWebClient(token=paged.workspace.app.bot_token, base_url=paged.base_url)
        form = modal(asked("node", "Node"))
        await client.views_open(trigger_id=command["payload"]["trigger_id"], view=form)
        assert (await see(browser, ALICE))["modal"]["title"] == "Drain"
        assert "Node: please complete" in (await act(browser, ALICE, what="submit"))["error"]
        await act(browser, ALICE, what="choose", where="modal", name="node", value="n-3")
        await act(browser, ALICE, what="submit")
        sent = await bot.receive()
        assert sent["payload"]["view"]["state"]["values"]["b-node"]["node"]["value"] == "n-3"
        await bot.ack(sent)
        await paged.until(lambda: paged.person(ALICE).modal is None)


async def test_what_is_typed_is_no_markup_but_for_names(
    paged: PagedSlack, browser: aiohttp.ClientSession
) -> None:
    """A person types @k8sops and means the app; what looks like markup is shown as it was typed."""
    await act(browser, ALICE, what="say", text="@k8sops <!channel> & @nobody", channel=OPS)
    assert paged.messages(OPS)[0].text == "<@U0BOT> &lt;!channel&gt; &amp; @nobody"
    assert (await see(browser, BOB))["messages"][0]["text"] == "@k8sops <!channel> & @nobody"


async def test_another_sites_page_cannot_act(paged: PagedSlack, browser: aiohttp.ClientSession) -> None:
    """A page open in the same browser, or a name that was made to point here, could approve in somebody's name."""
    for headers in ({"Origin": "http://evil.test"}, {"Host": "evil.test"}):
        async with browser.post("/page/act", data="{}", headers=headers) as response:
            assert response.status == 403
    async with browser.get("/page/state", headers={"Host": "evil.test:80"}) as response:
        assert response.status == 403


async def test_the_page_is_not_on_a_slack_without_it(browser: aiohttp.ClientSession, slack: Any) -> None:
    """Tests' servers have no address through which anybody can act as anybody."""
    async with aiohttp.ClientSession() as session, session.get(f"{slack.address}/page/state") as response:
        assert response.status == 404


def test_the_hand_started_workspace_takes_a_manifest(tmp_path: Path) -> None:
    """So that the bot's own manifest is tried, not the usual rights."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"display_information": {"name": "desk"}}))
    assert two_people(manifest).app.scopes == set()
    assert "chat:write" in two_people(None).app.scopes
