"""Text from clusters and people is never markup, and no limit of Slack's is passed, whatever it is given."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k8sops_slack.blocks import building as build
from k8sops_slack.blocks.limits import size
from k8sops_slack.blocks.markup import (
    bold,
    code,
    cut,
    escaped,
    fenced,
    group,
    joined,
    moment,
    plain,
    prose,
    user,
    written,
)
from k8sops_slack.blocks.sending import message, modal
from tests.slack.bot.limits_kept import check_message, check_text, check_view, units

HOSTILE = [
    "<!channel> <@U123> <https://evil.example|click me>",
    "@here @channel @Everyone",
    "*bold* _italic_ ~struck~ `code` ```fence```",
    "&lt;!channel&gt; &amp;",
    "> quoted\n> lines",
    "\u202egnp.exe\u202c a\u200bb \u2066x\u2069",
    "line\nbreak\ttab\x00\x1b[31m\x9b",
    "\ud800 lone",
    "\u3164\u2800\ufe0f\U000e0041",
    ":white_check_mark: approved",
    "-" * 10_000,
    "&" * 10_000,
    "\U0001f4a9" * 10_000,
    "\u202e" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_shown_and_means_nothing(text: str) -> None:
    """A pod may be called anything that its label says; nobody must be called or misled by it."""
    for shown in (escaped(text, 500), code(text, 500), plain(text, 500), fenced(text.split("\n"), 500)):
        check_text(shown)
        assert 1 <= units(shown) <= 500


def test_what_would_format_is_shown_by_what_looks_like_it() -> None:
    """Slack has no way of escaping these; what is invisible beside them would not keep them from formatting."""
    assert escaped("*a* ~b~ `c` _d_ e_f :ok: @here") == "∗a∗ ∼b∼ ˋcˋ ˍdˍ e_f ∶ok∶ ＠here"
    assert escaped("> not a quote") == "› not a quote"
    assert escaped("<!channel> R&D") == "&lt;!channel&gt; R&amp;D"
    assert escaped("a\u202eb\nc") == "a\\u202eb\\x0ac"


def test_names_as_they_really_are_stay_as_they_are() -> None:
    """They are copied from the chat into a shell."""
    for name in (
        "web-7d4b9-x2x7k",
        "shop/deployments/web",
        "a_b.c",
        "10:30:45",
        "v1.31.2+k3s1",
        "kernel update (50%)",
    ):
        assert escaped(name) == name
    assert code("system:serviceaccount:shop:web_1") == "`system:serviceaccount:shop:web_1`"


def test_what_a_hint_puts_between_ticks_can_be_copied() -> None:
    """Hints name commands; a name that holds a tick of its own changes how it looks, not what it does."""
    assert prose("type `k8sops runs resume X_1` <now>") == "type `k8sops runs resume X_1` &lt;now&gt;"
    assert prose("`a` and `*b*`") == "`a` and `*b*`"
    assert prose("one ` tick") == "one ˋ tick"


@given(st.text(), st.integers(10, 400))
def test_any_text_fits_and_is_safe(text: str, limit: int) -> None:
    """Also where cutting falls into the middle of an entity."""
    for shown in (
        escaped(text, limit),
        code(text, limit),
        plain(text, limit),
        prose(f"`{text}` {text}", limit),
    ):
        check_text(shown)
        assert size(shown) <= limit


@example(texts=["\U00010000"], limit=87)
@given(st.lists(st.text(max_size=30), max_size=20), st.integers(20, 300))
def test_markup_that_is_cut_stays_whole(texts: list[str], limit: int) -> None:
    """A mention cut in two is no mention, and an open fence would swallow what comes after it."""
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    parts = [part for text in texts for part in (bold(escaped(text)), code(text), user("U1"), moment(at))]
    shown = cut(joined("\n", [*parts, fenced(texts, 200)]), limit)
    check_text(shown)
    assert size(shown) <= limit
    assert shown.count("`") % 2 == 0


def test_mentions_are_made_of_ids_only() -> None:
    """An id from a store is not trusted to be one."""
    assert user("U123ABC") == "<@U123ABC>"
    assert user("U1> <!channel") == "`U1&gt; &lt;!channel`"
    assert group("S1") == "<!subteam^S1>"
    assert group("!here") == "`!here`"


def test_a_time_is_the_readers_own_with_utc_for_who_cannot_tell() -> None:
    """Who is on call is rarely where the server is."""
    at = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
    assert moment(at) == "<!date^1795349100^{date_short_pretty} {time}|2026-11-22 12:05 UTC>"


def test_lines_that_do_not_fit_are_left_out_visibly() -> None:
    """Half a line of a table would be read as a whole one."""
    shown = fenced([f"line {number}" for number in range(100)], 100)
    assert shown.endswith("…\n```")
    assert size(shown) <= 100


@settings(max_examples=30)
@given(st.integers(0, 300), st.sampled_from(["x", "&", "\U0001f4a9", "*"]), st.integers(0, 10_000))
def test_a_message_of_any_size_is_one_that_slack_takes(number: int, character: str, length: int) -> None:
    """What is left out is said; what can be pressed stays."""
    text = escaped(character * length)
    buttons = build.actions([build.button("Approve", "run.approve", "x")])
    found = message(written("A run asks."), [*([build.section(text)] * number), *buttons])
    check_message(found.arguments())
    assert found.blocks[-1]["type"] == "actions"


def test_a_message_that_was_cut_says_so() -> None:
    """Else what is missing looks as if it were not there."""
    found = message(written("x"), [build.section(escaped("y" * 2900))] * 6)
    assert "left out" in str(found.blocks[-1])


def test_what_says_what_a_click_means_is_never_cut() -> None:
    """A digest cut short would be another plan's."""
    with pytest.raises(ValueError, match="2001 characters"):
        build.button("Approve", "run.approve", "x" * 2001)
    with pytest.raises(ValueError, match="3001 characters"):
        modal("Title", "call", [], metadata="x" * 3001)


@given(st.text(min_size=0, max_size=400))
def test_a_form_takes_any_text_for_its_words(text: str) -> None:
    """Descriptions and names come from declarations and clusters."""
    element = build.static_select("a", [build.option(text, "v")], hint=text, chosen="v")
    blocks = [
        build.input_block("b1", text, element, needed=True, hint=text),
        build.input_block("b2", text, build.text_input("t", hint=text), needed=False),
        build.header(text),
        *build.actions([build.button(text, "x", "y", confirm=build.confirm(text, text, text, text))]),
    ]
    check_view(modal(text, "call", blocks, submit=text or "x", close=text or "y"))
