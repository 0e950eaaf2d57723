"""What nobody means to send: the checker answers it with a refusal, never with an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from k8sops_local_slack import Workspace, usual_app
from k8sops_local_slack.blocks.surfaces import message_blocks, view_content
from k8sops_local_slack.people.marks import read_marks
from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.timing import Ids

NAMES = st.sampled_from(
    [
        "type", "text", "elements", "element", "accessory", "fields", "options", "option_groups", "initial_option",
        "initial_options", "block_id", "action_id", "label", "confirm", "value", "title", "blocks", "submit",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "section",
        "actions",
        "input",
        "context",
        "button",
        "static_select",
        "plain_text",
        "mrkdwn",
        "modal",
        "home",
        "x",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)


def word_for(check: Callable[[], object]) -> str | None:
    """Give Slack's word for the refusal, or None where it was taken; anything else is raised."""
    try:
        check()
    except Refusal as refusal:
        return refusal.error
    return None


@given(ANYTHING)
def test_any_blocks_are_taken_or_refused(value: Any) -> None:
    """An error of the checker would look like a fault of the network to the bot."""
    assert word_for(lambda: message_blocks(value, Ids())) in {None, "invalid_blocks", "msg_blocks_too_long"}


@given(ANYTHING)
def test_any_view_is_taken_or_refused(value: Any) -> None:
    """The same for views."""
    assert word_for(lambda: view_content(value, "modal", Ids())) in {None, "invalid_arguments"}


@given(st.text(alphabet="<>|&!@#^{}abc1;", max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever stands in a log line, the screen can be drawn, and text without markup stays what it was."""
    space = Workspace(usual_app())
    read = read_marks(space, space.users["U0BOT"], text)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert isinstance(read, str)
    assert read_marks(space, space.users["U0BOT"], escaped) == text
