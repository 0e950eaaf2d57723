"""Each kind of input: what its value looks like to the app, and how it stands on the screen."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, Person
from tests.slack.local.support import ALICE, BOB, OPS, RawBot, asked, modal, plain

OPTIONS = [{"text": plain(name), "value": name[0]} for name in ("web", "db")]
WEB, DB = OPTIONS
KINDS: list[tuple[dict[str, Any], Any, dict[str, Any], str]] = [
    ({"type": "plain_text_input", "initial_value": "old"}, "new", {"value": "new"}, "[new]"),
    ({"type": "number_input", "is_decimal_allowed": True}, "2.5", {"value": "2.5"}, "[2.5]"),
    ({"type": "static_select", "options": OPTIONS}, "db", {"selected_option": DB}, "[db ▾]"),
    (
        {"type": "multi_static_select", "options": OPTIONS},
        ["w", "d"],
        {"selected_options": OPTIONS},
        "[web, db ▾]",
    ),
    (
        {"type": "static_select", "option_groups": [{"label": plain("all"), "options": OPTIONS}]},
        "w",
        {"selected_option": WEB},
        "[web ▾]",
    ),
    ({"type": "checkboxes", "options": OPTIONS}, ["db"], {"selected_options": [DB]}, "[ ] web [x] db"),
    ({"type": "radio_buttons", "options": OPTIONS}, "web", {"selected_option": WEB}, "[x] web [ ] db"),
    ({"type": "users_select", "initial_user": ALICE}, BOB, {"selected_user": BOB}, "[@bob ▾]"),
    ({"type": "multi_users_select"}, [ALICE, BOB], {"selected_users": [ALICE, BOB]}, "[@alice, @bob ▾]"),
    ({"type": "conversations_select"}, OPS, {"selected_conversation": OPS}, "[C0OPS ▾]"),
    ({"type": "channels_select"}, OPS, {"selected_channel": OPS}, "[C0OPS ▾]"),
    ({"type": "datepicker"}, "2026-11-22", {"selected_date": "2026-11-22"}, "[2026-11-22 ▾]"),
    ({"type": "timepicker"}, "11:50", {"selected_time": "11:50"}, "[11:50 ▾]"),
    ({"type": "datetimepicker"}, 1_800_000_000, {"selected_date_time": 1_800_000_000}, "[1800000000 ▾]"),
]


@pytest.mark.parametrize(
    ("element", "given", "value", "shown"), KINDS, ids=[kind[0]["type"] for kind in KINDS]
)
async def test_an_inputs_value_reaches_the_app(
    slack: LocalSlack,
    client: AsyncWebClient,
    bot: RawBot,
    alice: Person,
    element: dict[str, Any],
    given: Any,
    value: dict[str, Any],
    shown: str,
) -> None:
    """The shape differs from kind to kind; a form made from parameters uses most of them."""
    form = modal(asked("it", "It", element))
    await client.views_open(trigger_id=slack.world.tickets.trigger(ALICE), view=form)
    await alice.fill({"It": given})
    assert f"It: {shown}" in alice.modal_screen()
    payload = await bot.answering(alice.submit())
    assert payload["view"]["state"]["values"]["b-it"]["it"] == {"type": element["type"], **value}
