"""A message's menu: the run that it is about, shown to whoever chose it and to nobody else."""

from __future__ import annotations

from k8sops_local_slack import Message
from k8sops_slack.bot.finding import MOST, ids_in
from tests.service.chat.office import USERS
from tests.slack.flows.conftest import ELSEWHERE, OPS, Desk

SHOW = "shortcut.run"
ASKED = "/k8s scale deployment/web --replicas 3 -n {}"


async def proposed(desk: Desk) -> tuple[Message, str]:
    """A card in the channel, and the id of its run."""
    await desk.web(2)
    await desk.person("alice").slash(ASKED.format(desk.namespace), OPS)
    card = await desk.message(OPS, "Approve")
    (run,) = ids_in({"blocks": card.blocks})
    return card, run


async def shown_alone(desk: Desk, name: str, channel: str = OPS) -> Message:
    """The card that only this person sees."""
    person = USERS[name]

    def found() -> Message | None:
        alone = (one for one in desk.slack.messages(channel) if one.only_for == person)
        return next((one for one in alone if "run.details" in str(one.blocks)), None)

    return await desk.slack.until(found)


async def test_a_card_s_menu_shows_its_run_as_it_is_now(desk: Desk) -> None:
    """An old card far up, or one that somebody else was sent."""
    card, run = await proposed(desk)
    carol = desk.person("carol")
    await carol.message_shortcut(card, SHOW)
    alone = await shown_alone(desk, "carol")
    assert run in str(alone.blocks)
    assert not alone.thread_ts
    assert "scale deployment/web" not in "".join(
        one.all_text() for one in desk.slack.messages(OPS) if one.only_for == USERS["bob"]
    )


async def test_a_message_that_names_a_run_shows_it_also_where_the_bot_is_not(desk: Desk) -> None:
    """People paste ids, from a terminal or from another channel."""
    _, run = await proposed(desk)
    bob, carol = desk.person("bob"), desk.person("carol")
    await bob.say(f"has anybody looked at `{run}`? not at 01JZZZZZZZZZZZZZZZZZZZZZZZ", ELSEWHERE)
    asked = desk.slack.messages(ELSEWHERE)[-1]
    await carol.message_shortcut(asked, SHOW)
    # One as an approver, one because she asked.
    await desk.slack.until(lambda: carol.screen(None).count("PRODUCTION prod-eu · scale") == 2)


async def test_whom_the_policy_does_not_know_sees_none(desk: Desk) -> None:
    """A menu is open to everybody in the channel; what a run holds is not."""
    card, _ = await proposed(desk)
    space = desk.slack.workspace
    space.add_user("U0EVE", "eve")
    space.channels[OPS].members.add("U0EVE")
    eve = desk.slack.person("U0EVE")
    await eve.message_shortcut(card, SHOW)
    await desk.slack.until(lambda: "the policy does not know who U0EVE" in eve.screen(OPS))


async def test_an_answer_below_a_card_is_about_its_run(desk: Desk) -> None:
    """Progress and talk name no run; they stand in its thread."""
    card, run = await proposed(desk)
    bob, carol = desk.person("bob"), desk.person("carol")
    await bob.say("why today?", OPS, thread=card.ts)
    said = next(one for one in desk.slack.messages(OPS) if one.text == "why today?")
    await carol.message_shortcut(said, SHOW)
    alone = await shown_alone(desk, "carol")
    assert run in str(alone.blocks)
    assert alone.thread_ts == card.ts, "it is read where it was asked"


async def test_a_message_about_no_run_says_so(desk: Desk) -> None:
    """Nothing that is chosen is silent."""
    alice = desk.person("alice")
    await alice.say("lunch at 12, 1234567890 people", OPS)
    await alice.message_shortcut(desk.slack.messages(OPS)[-1], SHOW)
    await desk.shown("alice", OPS, "this message is about no run", "/k8s runs")


async def test_a_message_about_several_runs_asks_which(desk: Desk) -> None:
    """Any of them would be a guess."""
    _, first = await proposed(desk)
    alice = desk.person("alice")
    await alice.slash(ASKED.replace("3", "4").format(desk.namespace), OPS)
    second = await desk.message(OPS, "4 replicas")
    await alice.say(f"{first} or {ids_in({'blocks': second.blocks})[0]}?", OPS)
    await alice.message_shortcut(desk.slack.messages(OPS)[-1], SHOW)
    await desk.shown("alice", OPS, "this message is about 2 runs", first)


def test_ids_are_found_in_what_buttons_hold_and_no_more_are_looked_up_than_a_list_has() -> None:
    """A message is text from anybody: a thousand ids must not become a thousand questions to the store."""
    button = {"type": "button", "value": "01JABCDEFGHJKMNPQRSTVWXYZ0 digest cluster"}
    assert ids_in({"text": "x", "blocks": [{"elements": [button]}]}) == ("01JABCDEFGHJKMNPQRSTVWXYZ0",)
    assert ids_in({"text": "node-1 a01JABCDEFGHJKMNPQRSTVWXYZ0 10.0.0.1 <!date^1795361187^{date}|x>"}) == ()
    many = " ".join(f"01JABCDE{number:04}" for number in range(1000))
    assert len(ids_in({"text": many})) == MOST
