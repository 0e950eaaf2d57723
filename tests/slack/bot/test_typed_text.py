"""Text as phones and Slack send it: a command typed in a hurry must mean what was typed."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops_slack.typed.normal import normalised
from k8sops_slack.typed.words import split_words


def words_of(text: str) -> list[str]:
    return split_words(normalised(text))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("drain —cluster prod", ["drain", "--cluster", "prod"]),
        ("drain –cluster prod", ["drain", "--cluster", "prod"]),
        ("get pods –n shop", ["get", "pods", "-n", "shop"]),
        ("get pods —n=shop", ["get", "pods", "-n=shop"]),
        ("drain node‑3", ["drain", "node-3"]),
        ("scale web --replicas −1", ["scale", "web", "--replicas", "-1"]),
        ("drain\u00a0node-3\u202f--force", ["drain", "node-3", "--force"]),
        ("drain\u200b node\u2060-3\ufeff", ["drain", "node-3"]),
        ("drain \u202enode-3\u202c", ["drain", "node-3"]),
        ("drain --reason “kernel update”", ["drain", "--reason", "kernel update"]),
        ("drain --reason ‘kernel update’", ["drain", "--reason", "kernel update"]),
        ("drain --reason „Kernel“", ["drain", "--reason", "Kernel"]),
        ("drain --reason “it’s old — really”", ["drain", "--reason", "it's old — really"]),
        ("drain --reason don't", ["drain", "--reason", "don't"]),
        ("`drain node-3`", ["drain", "node-3"]),
        ("```\ndrain\nnode-3\n```", ["drain", "node-3"]),
        ("drain `node-3` `--force`", ["drain", "node-3", "--force"]),
        ('drain --reason ""', ["drain", "--reason", ""]),
        (r"drain --reason a\ b", ["drain", "--reason", "a b"]),
        ("run — x", ["run", "--", "x"]),
    ],
)
def test_what_keyboards_make_of_a_command_is_what_was_typed(sent: str, meant: list[str]) -> None:
    """iOS turns two hyphens into a dash and quotes into curly ones; nobody on call notices."""
    assert words_of(sent) == meant


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("<@U123|bob> drain", ["@U123", "drain"]),
        ("<@W123>", ["@W123"]),
        ("<#C123|general>", ["#C123"]),
        ("<!subteam^S1|@sre>", ["@S1"]),
        ("<!here>", ["@here"]),
        ("<!channel|channel>", ["@channel"]),
        ("<http://node-1.example.com|node-1.example.com>", ["node-1.example.com"]),
        ("<https://example.com/a?b=c>", ["https://example.com/a?b=c"]),
        ("<mailto:bob@example.com|bob@example.com>", ["bob@example.com"]),
        ("<mailto:bob@example.com>", ["bob@example.com"]),
        ("'R&amp;D &lt;x&gt;'", ["R&D <x>"]),
        ("&amp;lt;", ["&lt;"]),
    ],
)
def test_slacks_own_markup_is_taken_off(sent: str, meant: list[str]) -> None:
    """Slack makes links of node names, and people of names: only ids say who somebody is."""
    assert words_of(sent) == meant


def test_a_quote_that_is_not_closed_is_said_in_one_sentence() -> None:
    """The alternative is a reason that silently ends somewhere."""
    with pytest.raises(UsageError) as refused:
        words_of("drain node-3 --reason “kernel update")
    assert refused.value.message == "the quote \" before 'kernel update' is not closed"
    assert refused.value.hint == "close it, or leave it out"


_PLAIN = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters="-_./=:,"), min_size=1
)


@given(st.lists(_PLAIN, max_size=8))
def test_plain_words_come_out_as_a_shell_would_split_them(words: list[str]) -> None:
    """Whoever pastes a command line from the documentation gets what it says there."""
    line = shlex.join(words)
    assert split_words(line) == shlex.split(line)


@given(st.text(max_size=200))
def test_any_text_is_split_or_refused_with_a_sentence(text: str) -> None:
    """Whatever is sent to the bot, it is never lost in an error that nobody foresaw."""
    try:
        found = words_of(text)
    except UsageError as error:
        found = [error.message]
        told = "is not closed" in error.message
    else:
        told = True
    assert told
    assert not any("\u200b" in word or "\u202e" in word for word in found)
