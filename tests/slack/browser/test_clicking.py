"""All that a card, a form or the Home may hold can be used on the page, and reaches the app as Slack would send it."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack.page.served import PagedSlack
from tests.slack.browser.support import PHONE, WIDE, Hearing
from tests.slack.local.support import ALICE, BOB, OPS, actions, asked, button, modal, plain, section
from tools.browser import Tab

SURE = {
    "title": plain("Approve?"),
    "text": plain("drain 3 nodes on prod-eu"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value), "value": value}


async def test_a_button_asks_again_where_it_should_and_no_is_no(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """One tap approves a change of production: the question repeats what."""
    await client.chat_postMessage(
        channel=OPS, text="card", blocks=[actions(button("yes", "Approve", confirm=SURE))]
    )
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.click("Approve")
    await tab.sees("drain 3 nodes on prod-eu", within="#confirm")
    await tab.click("No")
    await tab.click("Approve")
    await tab.click("Yes")
    pressed = await hearing.next("block_actions")
    assert [one["action_id"] for one in pressed["actions"]] == ["yes"]
    assert pressed["user"]["id"] == ALICE
    assert hearing.heard == []


async def test_of_buttons_of_one_id_the_one_that_is_pressed_counts(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """On the Home each run has a button Look, and all of them have one action id."""
    looks = [
        section(name) | {"accessory": button("look", f"Look at {name}", value=name)}
        for name in ("one", "two")
    ]
    await client.views_publish(user_id=ALICE, view={"type": "home", "blocks": looks})
    await tab.open(paged.address, *WIDE)
    await tab.click("⌂ App Home")
    await tab.click("Look at two")
    assert (await hearing.next("block_actions"))["actions"][0]["value"] == "two"


async def test_a_form_of_every_kind_of_field_is_filled_in_and_sent(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """Typed, chosen, ticked, searched for: what the app is sent is what was done."""
    search = {"min_query_length": 0}
    form = modal(
        asked("why", "Why"),
        asked("node", "Node", {"type": "external_select", **search}),
        asked("others", "Others", {"type": "multi_external_select", **search}),
        asked("speed", "Speed", {"type": "static_select", "options": [option("slow"), option("fast")]}),
        asked("flags", "Flags", {"type": "checkboxes", "options": [option("force"), option("surge")]}),
        asked("day", "Day", {"type": "radio_buttons", "options": [option("today"), option("tomorrow")]}),
    )
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.write("/k8s drain", "#line")
    await tab.press("Enter")
    command = await hearing.next("/k8s")
    await client.views_open(trigger_id=command["trigger_id"], view=form)
    await tab.sees("Why", within="#modal")
    await tab.click("Go")
    await tab.sees("Why: please complete this required field", within="#modal")
    await tab.write("new kernel", "#modal [data-place='b-why/why']")
    await tab.write("2", "#modal [data-place='b-node/node']")
    await tab.click("node-2", "[role=option]")
    for name in ("node-1", "node-3"):
        await tab.write(name, "#modal [data-place='b-others/others']")
        await tab.click(name, "[role=option]")
        await tab.until(
            f"[...document.querySelectorAll('.chip')].some((one) => one.textContent === '{name} ✕')"
        )
    await tab.click("node-1 ✕")
    await tab.value("document.querySelector('#modal select').focus()")
    await tab.press("ArrowDown")
    await tab.press("ArrowDown")
    await tab.click("surge", "label")
    await tab.click("tomorrow", "label")
    await tab.click("Go")
    values = (await hearing.next("view_submission"))["view"]["state"]["values"]
    assert values["b-why"]["why"]["value"] == "new kernel"
    assert values["b-node"]["node"]["selected_option"]["value"] == "node-2"
    assert [one["value"] for one in values["b-others"]["others"]["selected_options"]] == ["node-3"]
    assert values["b-speed"]["speed"]["selected_option"]["value"] == "fast"
    assert [one["value"] for one in values["b-flags"]["flags"]["selected_options"]] == ["surge"]
    assert values["b-day"]["day"]["selected_option"]["value"] == "tomorrow"
    await tab.until("!document.getElementById('modal').open")


async def test_who_one_is_decides_what_one_sees_and_who_is_told(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """What came for bob is marked on his name, also while alice is played; what is only hers goes with her."""
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="for alice alone")
    await tab.sees("for alice alone", "Only visible to you", within="#messages")
    direct = (await client.conversations_open(users=BOB))["channel"]["id"]
    await client.chat_postMessage(channel=direct, text="yours to approve")
    await tab.sees("bob\n1", within="#people")
    await tab.click("bob")
    await tab.until("!document.querySelector('#messages').innerText.includes('for alice alone')")
    await tab.click("@ k8sops")
    await tab.sees("yours to approve", within="#messages")
    await tab.until("!document.querySelector('#people .badge')")


async def test_a_thread_stands_beside_the_channel_and_takes_no_command(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """Slack has no slash commands there; one mentions the app."""
    card = await client.chat_postMessage(channel=OPS, text="card")
    await client.chat_postMessage(channel=OPS, thread_ts=card["ts"], text="1 of 3 moved")
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.click(selector="button.replies")
    await tab.sees("1 of 3 moved", within="#replies")
    await tab.write("/k8s runs", "#reply")
    await tab.press("Enter")
    await tab.sees("/k8s is not supported in threads")
    await tab.write("@k8sops runs", "#reply")
    await tab.press("Enter")
    heard = (await hearing.next("event_callback"))["event"]
    assert (heard["type"], heard["thread_ts"]) == ("app_mention", card["ts"])


async def test_shortcuts_and_files_are_there_too(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, hearing: Hearing
) -> None:
    """By the names that the manifest gives them."""
    await client.files_upload_v2(channel=OPS, filename="plan.txt", content="3 steps")
    await client.chat_postMessage(channel=OPS, text="disk full on node-3")
    await tab.open(paged.address, *WIDE)
    await tab.click("# ops")
    await tab.click("⚡ Run an action")
    assert (await hearing.next("shortcut"))["callback_id"] == "shortcut.action"
    await tab.click("More", "summary", last=True)
    await tab.click("Ask k8sops", last=True)
    asked_of = await hearing.next("message_action")
    assert asked_of["message"]["text"] == "disk full on node-3"
    link = "document.querySelector('a.file').href"
    assert await tab.value(f"fetch({link}).then((answer) => answer.text())") == "3 steps"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_nothing_is_wider_than_the_window(
    tab: Tab, paged: PagedSlack, client: AsyncWebClient, size: tuple[int, int]
) -> None:
    """On a phone a card that has to be pushed about sideways is not read."""
    long = "registry.example/" + "a" * 400
    card = [
        section(f"*{long}*\n`{long}`"),
        actions(button("a", "Approve"), button("b", "Deny", style="danger")),
    ]
    sent = await client.chat_postMessage(channel=OPS, text="card", blocks=card)
    await client.chat_postMessage(channel=OPS, thread_ts=sent["ts"], text=long)
    await tab.open(paged.address, *size)
    await tab.click("# ops")
    wide = "document.scrollingElement.scrollWidth <= window.innerWidth && [...document.querySelectorAll('article')]"
    wide += ".every((one) => one.getBoundingClientRect().right <= window.innerWidth + 1)"
    await tab.until("!!document.querySelector('article button.danger')")
    assert await tab.value(wide)
    await tab.click(selector="button.replies")
    await tab.until("document.querySelectorAll('#replies article').length === 2")
    assert await tab.value(wide)
