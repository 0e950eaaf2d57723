"""Merge patches: there, back again, and what differs by name."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.merge_patch import differences, inverse_patch, merge_patch, value_named

VALUES = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text("ab.[0]", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab./", min_size=1, max_size=2), inner)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", min_size=1, max_size=2), VALUES, max_size=4)


def _applied(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _applied(result.get(key), value)
    return result


@given(OBJECTS, OBJECTS)
def test_a_patch_makes_the_one_of_the_other_and_its_inverse_brings_it_back(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """An undo that is off by one field is none."""
    patch = merge_patch(before, after)
    assert _applied(before, patch) == after
    assert _applied(after, inverse_patch(patch, before)) == before
    assert bool(patch) == (before != after)


@given(OBJECTS, OBJECTS)
def test_every_difference_is_found_again_by_its_name_where_names_are_plain(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """What a plan rests on is read anew by that name before it is written."""
    for name, one, other in differences(before, after):
        assert one != other
        if "." not in name and "[" not in name:
            assert (value_named(before, name), value_named(after, name)) == (one, other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata.annotations.a.b/c.d", "x"),
        ("metadata.annotations.a", "y"),
        ("spec.containers[1].image", "b:2"),
        ("spec.containers[2].image", None),
        ("spec.containers", [{"image": "a:1"}, {"image": "b:2"}]),
        ("spec.none.at.all", None),
    ],
)
def test_names_lead_through_keys_with_dots_and_through_lists(name: str, value: Any) -> None:
    """Keys of annotations are domains."""
    found = {
        "metadata": {"annotations": {"a": "y", "a.b/c.d": "x"}},
        "spec": {"containers": [{"image": "a:1"}, {"image": "b:2"}]},
    }
    assert value_named(found, name) == value


def test_lists_of_another_length_differ_as_a_whole() -> None:
    """A merge patch replaces them so, and a plan says what will happen."""
    before, after = {"args": ["a"], "ports": [{"p": 1}]}, {"args": ["a", "b"], "ports": [{"p": 2}]}
    assert list(differences(before, after)) == [("args", ["a"], ["a", "b"]), ("ports[0].p", 1, 2)]
