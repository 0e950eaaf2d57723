"""Entries put into YAML that people write: nothing that stands there is lost or written anew."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8sops.service.yaml_insert import with_entry, with_item

USER = {"team": "T1", "user": "U1"}


def added(before: str, after: str | None) -> list[str]:
    """The lines that are new; none may have gone."""
    assert after is not None
    changes = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert not [line for line in changes if line.startswith("- ")], changes
    return [line[2:] for line in changes if line.startswith("+ ")]


def entry(text: str, *path: str, value: Any) -> str | None:
    """Along a path."""
    return with_entry(text, path, value)


def item(text: str, *path: str) -> str | None:
    """The same for a list."""
    return with_item(text, path, USER)


def test_a_key_goes_below_its_neighbours_before_the_comments_of_the_next_part() -> None:
    """A comment belongs to what follows it."""
    text = "people:\n  bob: {groups: [sre]}  # on call\n\n# Who acts as whom.\nexecute_as:\n  people:\n    bob: x\n"
    after = entry(text, "people", "alice", value={"slack": [USER]})
    assert added(text, after) == ["  alice: {slack: [{team: T1, user: U1}]}"]
    assert (after or "").splitlines()[2].startswith("  alice")


def test_keys_that_are_missing_on_the_way_are_made() -> None:
    """Most policies have no `execute_as` when the chat begins."""
    text = "format: 1\npeople:\n  bob: {}"
    after = entry(text, "execute_as", "people", "alice", value={"user": "alice@example.org"})
    assert added(text, after) == ["execute_as:", "  people:", "    alice: {user: alice@example.org}"]


def test_a_key_with_nothing_behind_it_gets_what_is_missing() -> None:
    """`people:` is what a template leaves."""
    text = "people:   # nobody yet\nrules: []\n"
    assert added(text, entry(text, "people", "alice", value={})) == ["  alice: {}"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n# nothing yet\n"])
def test_a_file_that_says_nothing_gets_its_first_key(text: str) -> None:
    """A configuration begins like that."""
    after = entry(text, "slack", "command", value="/ops")
    assert yaml.safe_load(after or "") == {"slack": {"command": "/ops"}}
    assert (after or "").startswith(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("people:\n  al: {groups: [sre]}\n", "  al: {groups: [sre], slack: [{team: T1, user: U1}]}"),
        ("people:\n  al: {}\n", "  al: {slack: [{team: T1, user: U1}]}"),
        ("people: {al: {slack: []}}\n", "people: {al: {slack: [{team: T1, user: U1}]}}"),
        (
            "people:\n  al: {slack: [{team: T2, user: U2}]}\n",
            "  al: {slack: [{team: T2, user: U2}, {team: T1, user: U1}]}",
        ),
    ],
)
def test_within_braces_it_goes_within_them(text: str, line: str) -> None:
    """Short entries stand on one line."""
    after = item(text, "people", "al", "slack")
    assert line in (after or "").splitlines()


def test_a_list_of_lines_gets_one_more() -> None:
    """With its neighbours' indentation, which need not be two."""
    text = "people:\n    al:\n        slack:\n        - {team: T2, user: U2}   # home\n        keys: []\n"
    assert added(text, item(text, "people", "al", "slack")) == ["        - {team: T1, user: U1}"]


def test_a_text_of_several_lines_ends_where_it_ends() -> None:
    """An entry put into it would be part of the text."""
    text = "rules:\n  a: |\n    one\n    two\n\n# behind\n"
    assert added(text, entry(text, "rules", "b", value=1)) == ["  b: 1"]


def test_windows_line_ends_stay() -> None:
    """A file of mixed ones is a diff of every line, later."""
    after = entry("a: 1\r\nb: 2\r\n", "c", value=3)
    assert after == "a: 1\r\nb: 2\r\nc: 3\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "people: {al: {slack: nobody}}\n",
        "people: [al]\n",
        "people: null\n",
        "- people\n",
        "x: &x {}\npeople:\n  al: *x\n",
    ],
)
def test_what_has_no_place_is_left_to_a_person(text: str) -> None:
    """Rather nothing than a guess at a file that says who may do what."""
    assert item(text, "people", "al", "slack") is None


def test_what_stands_there_is_not_overwritten() -> None:
    """Whoever wrote it meant it."""
    assert entry("policy: theirs.yaml\n", "policy", value="ours.yaml") is None


_KEYS = st.sampled_from(["a", "b", "no", "a b", "1", "ä", "x: y"])
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _KEYS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=12,
)


@given(
    document=st.dictionaries(_KEYS, _VALUES, max_size=4),
    path=st.lists(_KEYS, min_size=1, max_size=3),
    value=_VALUES.filter(lambda value: value is not None),
    flow=st.booleans(),
)
def test_whatever_is_added_only_adds(document: Any, path: list[str], value: Any, flow: bool) -> None:
    """It reads as what was there and the entry; the text is what was there and one piece."""
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
    after = with_entry(text, path, value)
    if after is None:
        return
    found: Any = yaml.safe_load(after)
    for key in path:
        found = found[key]
    assert found == value
    same = next(
        (at for at, (one, other) in enumerate(zip(text, after, strict=False)) if one != other), len(text)
    )
    piece = len(after) - len(text)
    assert after[:same] + after[same + piece :] == text
