"""What is sent to Slack passes one gate: secrets are taken out of what is read, and nothing else is changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops_slack.blocks import building as build
from k8sops_slack.blocks.building import Block
from k8sops_slack.blocks.gate import Gate
from k8sops_slack.blocks.markup import (
    Mrkdwn,
    bold,
    code,
    escaped,
    fenced,
    joined,
    plain,
    prose,
    short,
    user,
    written,
)
from k8sops_slack.blocks.sending import Message, message, modal
from k8sops_slack.views.details import details
from tests.slack.bot.limits_kept import check_message, check_view
from tests.slack.bot.runs_shown import EVERY_STATE, ROOM

SECRET = "Hunter_2*<&>`"
TOKEN = "[redacted: password, the first of this kind]"
GATE = Gate(lambda text: text.replace(SECRET, TOKEN).replace(SECRET[:-1], TOKEN).replace("a\\nb", TOKEN))
OPEN = Gate(lambda text: text)


def passed(*texts: Mrkdwn) -> str:
    """What a section says behind the gate."""
    block = GATE.message(message(written("x"), [build.section(joined("\n", texts))])).blocks[0]
    return str(block["text"]["text"])


def test_a_secret_is_found_however_its_text_was_made_safe_to_show() -> None:
    """What is escaped looks different from what the rules for secrets know."""
    for shown in (
        escaped(f"password={SECRET} was refused"),
        code(f"login --password {SECRET}"),
        fenced(["NAME  VALUE", f"a     {SECRET}"]),
        prose(f"try `login {SECRET[:-1]}` again"),
        bold(escaped(SECRET)),
    ):
        told = passed(shown)
        assert "unter" not in told
        assert TOKEN in told
    header = GATE.view(modal("x", "c", [build.header(SECRET)]))["blocks"][0]["text"]["text"]
    assert header == "[redacted: password, the", "as much of it as fits wherever plain text stands"


def test_markup_around_a_secret_stays_whole() -> None:
    """A tick or a star that goes with it would format all that follows; a mention is no text."""
    head = bold(escaped("PRODUCTION prod-eu"))
    assert passed(head, code(SECRET), user("U1"), escaped(f"x <!channel> *y* {SECRET}")) == (
        f"*PRODUCTION prod-eu*\n`{TOKEN}`\n<@U1>\nx &lt;!channel&gt; ∗y∗ {TOKEN}"
    )
    assert passed(fenced([SECRET, "> `b`"])) == f"```\n{TOKEN}\n&gt; ˋbˋ\n```"


def test_a_line_break_that_was_made_visible_is_one_to_the_rules_and_none_to_slack() -> None:
    """Keys in PEM have many lines; and whoever names an object must not add lines of their own to a card."""
    assert passed(escaped("x a\nb y\nz")) == f"x {TOKEN} y\\nz"
    assert GATE.text("x a\\x0ab y") == f"x {TOKEN} y"
    assert GATE.text("x a\\x0ac y") == "x a\\x0ac y"


def test_what_comes_back_to_the_program_is_left_as_it_is() -> None:
    """An id or a value with a hole means nothing, or something else."""
    value = f"get pods -l a={SECRET}"
    blocks = [
        *build.actions([build.button(value, "read.share", value)], block_id=SECRET),
        build.input_block(
            "b", "Label", build.static_select("a", [build.option(SECRET, SECRET)], hint=SECRET), needed=True
        ),
        build.input_block("c", "Label", build.text_input("t", initial=SECRET), needed=True),
    ]
    view = GATE.view(modal("Title", "call", blocks, metadata=SECRET, submit="Go"))
    assert readable(view).count(TOKEN[:10]) == 3
    assert SECRET not in readable(view)
    before, after = (
        without_text(modal("Title", "call", blocks, metadata=SECRET, submit="Go")),
        without_text(view),
    )
    assert before == after


def test_what_stands_for_a_secret_finds_room_or_is_cut() -> None:
    """Slack would refuse the whole message."""
    check_view(GATE.view(modal("x", "c", [build.header(SECRET * 10)], submit=SECRET[:24], close="y")))
    full = message(written("x"), [build.section(escaped(f"{SECRET} " * 150))] * 6)
    check_message(GATE.message(full).arguments())


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_text_without_secrets_passes_unchanged(texts: list[str]) -> None:
    """Whatever it is: the gate is in the way of every message."""
    parts = [
        part for one in texts for part in (escaped(one), code(one), bold(escaped(one)), prose(f"`{one}`"))
    ]
    said = message(joined(" ", parts), [build.section(joined("\n", parts)), build.section(fenced(texts))])
    assert OPEN.message(said) == said


@pytest.mark.parametrize("run", EVERY_STATE, ids=lambda run: str(run.state))
def test_what_a_card_or_its_details_say_passes_unchanged(run: Any) -> None:
    """They hold all the markup there is."""
    view = details(run, ROOM)
    assert OPEN.view(view) == view


@given(st.text(), st.lists(st.text(max_size=80), max_size=5))
def test_whatever_is_redacted_the_message_stays_one_that_slack_takes(found: str, texts: list[str]) -> None:
    """The rules for secrets may see one in anything, and put anything there."""
    for gate in (Gate(lambda text: found), Gate(lambda text: re.sub(r"\w+", lambda _: found, text))):
        parts = [
            part for one in texts for part in (escaped(one), code(one), user("U1"), fenced(one.split(" ")))
        ]
        said = message(escaped(found), [build.section(joined("\n", parts)), *some_buttons(found)])
        check_message(gate.message(said).arguments())


def test_half_a_secret_is_never_what_is_left_of_a_text_that_was_cut() -> None:
    """Of a token that ends early no rule knows that it is one; names are told as far as there is room."""
    token = "ghp_" + "aB3" * 12
    assert escaped(f"refused: {token}", 30) == "refused: …"
    assert code(f"curl https://me:pw@example.com/{token}", 40) == "`curl …`"
    assert plain(f"token {token}", 24) == "token …"
    assert short(f"postgres://web:{token}@db/shop", 20) == "…"
    assert short("registry.example.com:5000/shop/web", 20) == "registry.example.co…"
    assert escaped("x" * 50, 10) == f"{'x' * 9}…"
    assert escaped("Ähnlich wie überall", 12) == "Ähnlich wie…"


def some_buttons(text: str) -> list[Block]:
    return build.actions([build.button(text, "x", "y", confirm=build.confirm(text, text, text, text))])


def readable(value: Any) -> str:
    """Every text object's text."""
    if isinstance(value, dict):
        own = str(value["text"]) if value.get("type") in {"mrkdwn", "plain_text"} else ""
        return own + "".join(readable(inner) for inner in value.values())
    return "".join(map(readable, value)) if isinstance(value, list) else ""


def without_text(value: Any) -> Any:
    """The same with every text object empty."""
    if isinstance(value, dict):
        if value.get("type") in {"mrkdwn", "plain_text"}:
            return value | {"text": ""}
        return {key: without_text(inner) for key, inner in value.items()}
    return [*map(without_text, value)] if isinstance(value, list) else value


def test_a_message_is_redacted_in_its_sentence_too() -> None:
    """It is what a lock screen shows."""
    assert GATE.message(Message(text=escaped(SECRET))).text == TOKEN
