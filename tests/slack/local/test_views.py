"""Modals and homes: triggers that run out, stacks of three, hashes, and what the ack of a form may say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import Incomplete, LocalSlack, NotVisible, Person, PlayedTime
from tests.slack.local.support import ALICE, RawBot, asked, button, modal, plain, refused, section


class Opener:
    """Opens modals for Alice."""

    def __init__(self, slack: LocalSlack, client: AsyncWebClient) -> None:
        self.slack, self.client = slack, client

    def trigger(self) -> str:
        return self.slack.world.tickets.trigger(ALICE)

    async def open(self, *blocks: dict[str, Any], **more: Any) -> dict[str, str]:
        answer = await self.client.views_open(trigger_id=self.trigger(), view=modal(*blocks, **more))
        view: dict[str, str] = answer["view"]
        return view


@pytest.fixture
def opened(slack: LocalSlack, client: AsyncWebClient) -> Opener:
    return Opener(slack, client)


async def test_a_trigger_lasts_three_seconds(
    clock: PlayedTime, client: AsyncWebClient, opened: Opener
) -> None:
    """Reading the cluster first and opening the form then is the classic way to fail."""
    trigger = opened.trigger()
    clock.advance(3.1)
    assert await refused(client.views_open(trigger_id=trigger, view=modal())) == "expired_trigger_id"


async def test_a_trigger_is_good_once(client: AsyncWebClient, opened: Opener) -> None:
    """A second view goes by update or push."""
    trigger = opened.trigger()
    await client.views_open(trigger_id=trigger, view=modal())
    assert await refused(client.views_open(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    assert await refused(client.views_open(trigger_id="1.NONE", view=modal())) == "invalid_trigger_id"


async def test_modals_stack_three_deep(client: AsyncWebClient, opened: Opener, alice: Person) -> None:
    """A wizard with a fourth page must go another way."""
    assert await refused(client.views_push(trigger_id=opened.trigger(), view=modal())) == "not_found"
    await opened.open()
    for title in ("Second", "Third"):
        await client.views_push(trigger_id=opened.trigger(), view=modal(title=title))
    assert await refused(client.views_push(trigger_id=opened.trigger(), view=modal())) == "push_limit_reached"
    await alice.close_modal()
    assert "Second" in alice.modal_screen()


async def test_of_two_racing_updates_the_second_is_told(
    client: AsyncWebClient, opened: Opener, alice: Person
) -> None:
    """Without the hash the slower writer would win with what it saw before."""
    view = await opened.open()
    await client.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("first")))
    late = client.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("second")))
    assert await refused(late) == "hash_conflict"
    assert "first" in alice.modal_screen()


async def test_a_closed_view_cannot_be_updated(client: AsyncWebClient, opened: Opener, alice: Person) -> None:
    """People close forms while they load."""
    view = await opened.open()
    await alice.close_modal()
    assert await refused(client.views_update(view_id=view["id"], view=modal())) == "not_found"
    assert await refused(client.views_update(external_id="mine", view=modal())) == "not_found"


async def test_an_update_keeps_what_was_typed(client: AsyncWebClient, opened: Opener, alice: Person) -> None:
    """Inputs that are still there under the same ids keep their value; others lose it."""
    view = await opened.open(asked("node", "Node"), asked("why", "Why"))
    await alice.fill({"Node": "n-3", "Why": "disk"})
    await client.views_update(
        view_id=view["id"], view=modal(asked("node", "Which node"), asked("grace", "Grace"))
    )
    assert "Which node: [n-3]" in alice.modal_screen()
    assert "Grace: []" in alice.modal_screen()


async def test_an_external_id_names_one_view(client: AsyncWebClient, opened: Opener) -> None:
    """The app's own name for a view must be its alone."""
    await opened.open(external_id="run-1")
    await client.views_update(external_id="run-1", view=modal(external_id="run-1"))
    pushed = client.views_push(trigger_id=opened.trigger(), view=modal(external_id="run-1"))
    assert await refused(pushed) == "duplicate_external_id"


async def test_a_home_is_published_per_person_and_by_hash(
    slack: LocalSlack, client: AsyncWebClient, alice: Person, bob: Person
) -> None:
    """Two replicas publish the same home: the older picture must not win."""
    first = await client.views_publish(user_id=ALICE, view={"type": "home", "blocks": [section("one run")]})
    seen = first["view"]["hash"]
    await client.views_publish(
        user_id=ALICE, hash=seen, view={"type": "home", "blocks": [section("two runs")]}
    )
    late = client.views_publish(user_id=ALICE, hash=seen, view={"type": "home", "blocks": [section("late")]})
    assert await refused(late) == "hash_conflict"
    assert (alice.home_screen(), bob.home_screen()) == ("two runs", "")
    slack.workspace.app.home = False
    home = {"type": "home", "blocks": [section("x")]}
    assert await refused(client.views_publish(user_id=ALICE, view=home)) == "not_enabled"


async def test_a_form_without_a_word_closes(bot: RawBot, opened: Opener, alice: Person) -> None:
    """The state carries every input, also those nobody touched."""
    await opened.open(asked("node", "Node"), asked("why", "Why", optional=True), private_metadata="run-1")
    payload = await bot.answering(alice.submit({"node": "n-3"}))
    assert payload["type"] == "view_submission"
    assert payload["view"]["private_metadata"] == "run-1"
    assert payload["view"]["state"]["values"] == {
        "b-node": {"node": {"type": "plain_text_input", "value": "n-3"}},
        "b-why": {"why": {"type": "plain_text_input", "value": None}},
    }
    assert alice.modal is None


async def test_errors_stand_beside_their_inputs(bot: RawBot, opened: Opener, alice: Person) -> None:
    """The form stays open with what was typed, and a later try clears them."""
    await opened.open(asked("node", "Node"))
    answer = {"response_action": "errors", "errors": {"b-node": "no such node"}}
    await bot.answering(alice.submit({"node": "n-3"}), answer)
    assert "Node: [n-3]\n  ! no such node" in alice.modal_screen()
    await bot.answering(alice.submit())
    assert alice.modal is None


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"response_action": "update", "view": modal(title="Next")}, "── Next ──"),
        ({"response_action": "push", "view": modal(title="On top")}, "── On top ──"),
    ],
)
async def test_a_form_may_lead_to_another(
    bot: RawBot, opened: Opener, alice: Person, answer: dict[str, object], shown: str
) -> None:
    """Update puts the next page in place, push above."""
    await opened.open(asked("node", "Node"))
    await bot.answering(alice.submit({"node": "n-3"}), answer)
    assert shown in alice.modal_screen()


async def test_clear_closes_the_whole_stack(
    bot: RawBot, client: AsyncWebClient, opened: Opener, alice: Person
) -> None:
    """Otherwise the page below would come up again."""
    await opened.open()
    await client.views_push(trigger_id=opened.trigger(), view=modal(title="Second"))
    await bot.answering(alice.submit(), {"response_action": "clear"})
    assert alice.modal is None


async def test_an_answer_slack_would_not_take_is_on_record(
    slack: LocalSlack, bot: RawBot, opened: Opener, alice: Person
) -> None:
    """Errors for a block that is no input, or a view that is too long, change nothing but are the bot's mistake."""
    await opened.open(asked("node", "Node"))
    wrong = {"response_action": "errors", "errors": {"elsewhere": "no"}}
    await bot.answering(alice.submit({"node": "n-3"}), wrong)
    await bot.answering(alice.submit(), {"response_action": "update", "view": modal(title="x" * 25)})
    assert [call.method for call in slack.journal.refused()] == ["ack of view_submission"] * 2
    assert "── Drain ──" in alice.screen()
    assert "We had some trouble connecting" in alice.screen()


async def test_a_form_nobody_takes_stays_open(
    clock: PlayedTime, bot: RawBot, opened: Opener, alice: Person
) -> None:
    """After three seconds the person may try again, with all they typed."""
    await opened.open(asked("node", "Node"))
    sent = await alice.submit({"node": "n-3"}, wait=False)
    clock.advance(3)
    assert (sent.error, sent.acked) == ("operation_timeout", False)
    assert "Node: [n-3]" in alice.modal_screen()


async def test_slacks_own_client_asks_for_what_is_missing(opened: Opener, alice: Person) -> None:
    """Such a form is never sent, so an app must not count on hearing of it."""
    number = {"type": "number_input", "is_decimal_allowed": False, "min_value": "1", "max_value": "5"}
    await opened.open(asked("node", "Node"), asked("n", "Replicas", number))
    with pytest.raises(Incomplete, match="Node: please complete"):
        await alice.submit({"n": "3"})
    with pytest.raises(Incomplete, match="Replicas: out of range"):
        await alice.submit({"node": "n-3", "n": "6"})
    with pytest.raises(Incomplete, match="Replicas: not a whole number"):
        await alice.submit({"n": "1.5"})


async def test_an_external_select_offers_what_the_app_answers(
    slack: LocalSlack, bot: RawBot, opened: Opener, alice: Person
) -> None:
    """Only what was offered can be chosen; at most a hundred options are taken."""
    await opened.open(asked("node", "Node", {"type": "external_select", "min_query_length": 1}))
    offer = {"options": [{"text": plain("node-3"), "value": "n3"}]}
    searching = asyncio.ensure_future(alice.search("modal", "Node", "node"))
    envelope = await bot.receive()
    assert (envelope["payload"]["type"], envelope["payload"]["value"]) == ("block_suggestion", "node")
    await bot.ack(envelope, offer)
    assert await searching == ["node-3"]
    await alice.choose("modal", "Node", "node-3")
    assert "Node: [node-3 ▾]" in alice.modal_screen()
    many = {"options": [{"text": plain(str(n)), "value": str(n)} for n in range(101)]}
    searching = asyncio.ensure_future(alice.search("modal", "Node", "all"))
    await bot.ack(await bot.receive(), many)
    assert await searching == []
    assert slack.journal.refused()[-1].error == "invalid_options"


async def test_a_select_in_a_form_tells_the_app_only_where_asked(
    bot: RawBot, opened: Opener, alice: Person
) -> None:
    """With `dispatch_action` the app hears at once, and may update the form."""
    options = [{"text": plain(name), "value": name} for name in ("web", "db")]
    select = {"type": "static_select", "options": options}
    await opened.open(asked("quiet", "Quiet", select), asked("loud", "Loud", select, dispatch_action=True))
    assert await alice.choose("modal", "Quiet", "db") is None
    payload = await bot.answering(alice.choose("modal", "Loud", "web"))
    assert payload["container"]["type"] == "view"
    assert payload["actions"][0]["selected_option"]["value"] == "web"
    assert payload["view"]["state"]["values"]["b-quiet"]["quiet"]["selected_option"]["value"] == "db"


async def test_closing_is_told_where_the_view_asks_for_it(bot: RawBot, opened: Opener, alice: Person) -> None:
    """An app that holds something for the form lets go of it then."""
    await opened.open(notify_on_close=True)
    payload = await bot.answering(alice.close_modal())
    assert (payload["type"], payload["is_cleared"]) == ("view_closed", False)
    await opened.open()
    assert await alice.close_modal() == []


async def test_what_is_not_on_the_screen_cannot_be_used(opened: Opener, alice: Person, bob: Person) -> None:
    """A test that presses a button nobody sees proves nothing."""
    await opened.open(section("x") | {"accessory": button("more", "More")})
    with pytest.raises(NotVisible, match="there is: more"):
        await alice.click("modal", "less")
    with pytest.raises(NotVisible, match="no modal is open for bob"):
        await bob.submit()
