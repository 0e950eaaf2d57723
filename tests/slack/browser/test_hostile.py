"""Texts that would like to be programs, calls to everybody or another direction stay texts, wherever they may stand."""

from __future__ import annotations

import asyncio
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack.page.served import PagedSlack
from tests.slack.browser.support import WIDE, Hearing
from tests.slack.local.support import ALICE, OPS, actions, asked, button, modal, plain
from tools.browser import GIVE_UP_S, LOOK_AGAIN_S, Tab

SCRIPT = "<script>document.title='run'</script><img src=x onerror=document.title='run'>"
EVERYBODY = "<!channel> <@U0BOB>"
BACKWARDS = "node-\u202egnp.exe\u202c \u05d0\u05d1\u05d2"
HOSTILE = f"{SCRIPT} {EVERYBODY} {BACKWARDS} javascript:alert(1) \"><svg onload=document.title='run'>"


async def test_hostile_texts_stay_texts_in_every_place(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """Cluster text ends up in cards, buttons, questions, forms, file names; the page shows it and runs none of it."""
    short = HOSTILE[:70]
    sure = {"title": plain("Sure?"), "text": plain(HOSTILE), "confirm": plain("Yes"), "deny": plain("No")}
    card: list[dict[str, Any]] = [
        {"type": "header", "text": plain(HOSTILE[:150])},
        {"type": "section", "text": plain(HOSTILE), "fields": [plain(HOSTILE)]},
        {"type": "context", "elements": [plain(HOSTILE)]},
        actions(button("go", short, confirm=sure)),
    ]
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    await client.chat_postMessage(channel=OPS, text=escaped, blocks=card)
    await client.files_upload_v2(channel=OPS, filename="a.txt", title=HOSTILE, content="x")
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.write(HOSTILE, "#line")
    await tab.press("Enter")
    await tab.until(f"document.querySelector('#messages').textContent.split({HOSTILE!r}).length === 6")
    await tab.click(short)
    await tab.sees("onerror", within="#confirm")
    await tab.click("Yes")
    pressed = await hearing.next("block_actions")
    form = modal(asked("a", HOSTILE, hint=plain(HOSTILE)), title="A form")
    form["blocks"][0]["element"]["placeholder"] = plain(short)
    await client.views_open(trigger_id=pressed["trigger_id"], view=form)
    await tab.sees("onerror", within="#modal")
    assert await tab.value("document.querySelectorAll('script, img, svg, iframe').length") == 1, (
        "the page's own script"
    )
    assert "run" not in await tab.value("document.title")
    assert not await tab.value(
        "[...document.querySelectorAll('a')].some((one) => one.protocol === 'javascript:')"
    )


async def test_the_policy_stops_a_script_that_got_in_all_the_same(tab: Tab, paged: PagedSlack) -> None:
    """The last line: were a text ever set as HTML, nothing of it would run, and nothing would be fetched."""
    await tab.open(paged.address, *WIDE)
    await tab.until("!!document.querySelector('#people button')")
    await tab.value(
        "document.querySelector('#messages').innerHTML = "
        "\"<img src='http://127.0.0.1:9/x.png' onerror=\\\"document.title='run'\\\">\""
    )
    async with asyncio.timeout(GIVE_UP_S):
        while not any("Content Security Policy" in one for one in tab.trouble):  # noqa: ASYNC110 - the console rings no bell
            await asyncio.sleep(LOOK_AGAIN_S)
    assert await tab.value("document.title") != "run"
    tab.trouble.clear()


async def test_a_text_that_runs_backwards_turns_round_nothing_beside_it(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient
) -> None:
    """A name with a direction of its own must not make the line below it, or a button, read as something else."""
    card = [{"type": "section", "text": plain("\u202edrain node-1")}, actions(button("go", "Approve"))]
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="card", blocks=card)
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.until("!!document.querySelector('#messages .controls button')")
    style = "getComputedStyle(document.querySelector('#messages {0}')).{1}"
    assert await tab.value(style.format(".text", "unicodeBidi")) == "plaintext"
    assert await tab.value(style.format(".controls button", "direction")) == "ltr"
