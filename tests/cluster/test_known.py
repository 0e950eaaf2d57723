"""The reflector's diffing alone: whatever a server says, in any order and twice, the told state is the true one."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from k8sops.cluster.known import Change, Identity, Known


class Thing(NamedTuple):
    """An object reduced to its identity."""

    name: str
    uid: str
    version: str


def identify(thing: Thing) -> Identity:
    return Identity("shop", thing.name, thing.uid, thing.version)


def told_state(changes: list[Change[Thing]], state: dict[str, Thing]) -> dict[str, Thing]:
    """Apply changes the way a consumer does, refusing whatever is no difference."""
    for change in changes:
        assert change.item is not None
        held = state.get(change.item.name)
        if change.type == "deleted":
            assert held is not None
            assert held.uid == change.item.uid
            del state[change.item.name]
        elif change.type == "added":
            assert held is None
            state[change.item.name] = change.item
        else:
            assert held is not None
            assert held.uid == change.item.uid
            assert held.version != change.item.version
            state[change.item.name] = change.item
    return state


things = st.builds(Thing, st.sampled_from("abcdef"), st.sampled_from("12"), st.sampled_from(["7", "8", "9"]))
worlds = st.lists(things, unique_by=lambda thing: thing.name, max_size=6)
lists = st.tuples(st.just("list"), worlds)
events = st.tuples(st.sampled_from(["put", "remove"]), st.lists(things, min_size=1, max_size=3))


@given(st.lists(st.one_of(lists, events), max_size=12), worlds)
def test_only_true_differences_are_told(story: list[tuple[str, list[Thing]]], last: list[Thing]) -> None:
    """Lists, repeated events and other incarnations, ending in a list: the told state is that list."""
    known = Known(identify, lambda thing: thing)
    state: dict[str, Thing] = {}
    for kind, batch in [*story, ("list", last)]:
        changes: list[Change[Thing]] = []
        if kind == "list":
            known.begin_list()
            known.put(batch, changes)
            changes += known.end_list()
        elif kind == "put":
            known.put(batch, changes)
        else:
            for thing in batch:
                known.remove(thing, changes)
        told_state(changes, state)
        assert len(known) == len(state)
    assert state == {thing.name: thing for thing in last}


@given(worlds, worlds, worlds)
def test_a_list_begun_anew_half_way_ends_true(
    before: list[Thing], half: list[Thing], last: list[Thing]
) -> None:
    """An expired continue token voids the pages so far; what only they showed must be gone at the end."""
    known = Known(identify, lambda thing: thing)
    changes: list[Change[Thing]] = []
    known.put(before, changes)
    known.begin_list()
    known.put(half, changes)
    known.begin_list()
    known.put(last, changes)
    changes += known.end_list()
    assert told_state(changes, {}) == {thing.name: thing for thing in last}


def test_a_name_with_another_uid_is_a_deletion_and_an_addition() -> None:
    """A pod of a StatefulSet comes back under its name: whoever waits for the old one must see it go."""
    known = Known(identify, lambda thing: thing)
    changes: list[Change[Thing]] = []
    known.put([Thing("web-0", "1", "7")], changes)
    known.put([Thing("web-0", "2", "9")], changes)
    assert [(change.type, change.item.uid if change.item else "") for change in changes] == [
        ("added", "1"),
        ("deleted", "1"),
        ("added", "2"),
    ]
