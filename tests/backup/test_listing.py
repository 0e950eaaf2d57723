"""Listings: a chain of differences resolves to exactly what was listed, and a listing that lies is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.keyring import Keyring
from k8sops.backup.listing import (
    FRAME_ROWS,
    GREATEST_DEPTH,
    Kind,
    Listing,
    Row,
    difference,
    is_path_segment,
    resolve,
    write_listing,
)
from k8sops.backup.sealed import FileKind, SealedFile, seal_contents
from tests.backup.files import (
    CLUSTER,
    KEYRINGS,
    OTHER_CLUSTER,
    PLAIN,
    SEALED,
    counted,
    every_end,
    every_flip,
    kind_of,
)

KINDS = (
    kind_of("", "nodes", namespaced=False),
    kind_of("", "pods"),
    kind_of("apps", "deployments"),
    kind_of("example.com", "widgets"),
)
State = dict[tuple[str, str, str, str], tuple[str, str, bytes]]
"""What a cluster is: by group, resource, namespace and name, an object's uid, resourceVersion and id."""

names = st.sampled_from(["a", "b", "web-1", "web-10", "system:node", "Ünïcode\U0001f600", "\uffee", "x\ny"])
keys = st.one_of(
    st.tuples(st.just(""), st.just("nodes"), st.just(""), names),
    *(
        st.tuples(
            st.just(kind.group), st.just(kind.resource), st.sampled_from(["shop", "kube-system"]), names
        )
        for kind in KINDS[1:]
    ),
)
versions = st.tuples(
    st.sampled_from(["u1", "u2"]), st.sampled_from(["1", "2"]), st.binary(min_size=32, max_size=32)
)
states: st.SearchStrategy[State] = st.dictionaries(keys, versions, max_size=14)
kind_sets = st.sets(st.integers(0, len(KINDS) - 1), min_size=1).map(
    lambda found: tuple(KINDS[n] for n in sorted(found))
)


def rows_of(state: State, kinds: Sequence[Kind] = KINDS) -> list[Row]:
    numbers = {kind.key: number for number, kind in enumerate(kinds)}
    rows = [
        Row(numbers[key[:2]], key[2], key[3], *value) for key, value in state.items() if key[:2] in numbers
    ]
    return sorted(rows, key=lambda row: row.key)


def written(
    rows: Sequence[Row],
    base: Listing | None = None,
    kinds: tuple[Kind, ...] = KINDS,
    *,
    objects: int | None = None,
    keyring: Keyring = SEALED,
) -> Listing:
    made = write_listing(
        rows,
        cluster=CLUSTER,
        kinds=kinds,
        objects=len(rows) if objects is None else objects,
        keyring=keyring,
        base=base,
    )
    return Listing(made.data, made.id, made.sha256, keyring)


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
@given(state=states)
def test_a_whole_listing_comes_back(keyring: Keyring, state: State) -> None:
    """Names of any alphabet too: the order is that of their code points everywhere."""
    listing = written(rows_of(state), keyring=keyring)
    assert list(listing.rows()) == rows_of(state)
    assert list(listing.rows()) == list(resolve([listing])) == rows_of(state)
    assert listing.head.kinds == KINDS


@given(history=st.lists(st.tuples(states, kind_sets), min_size=1, max_size=6))
def test_a_chain_of_differences_resolves_to_what_was_listed_at_every_link(
    history: list[tuple[State, tuple[Kind, ...]]],
) -> None:
    """Objects come, change and go, and so do whole kinds: a removed definition that comes back brings nothing old."""
    chain: list[Listing] = []
    for state, kinds in history:
        rows = rows_of(state, kinds)
        own = list(difference(resolve(chain, kinds), rows)) if chain else rows
        chain.insert(0, written(own, chain[0] if chain else None, kinds, objects=len(rows)))
        assert list(resolve(chain)) == rows
        assert chain[0].head.depth == len(chain) - 1


@given(old=states, new=states)
def test_a_difference_holds_what_differs_and_nothing_else(old: State, new: State) -> None:
    """Tonight's listing costs what changed since last night."""
    changed = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    assert len(list(difference(rows_of(old), rows_of(new)))) == len(changed)
    assert list(difference(rows_of(new), rows_of(new))) == []


def test_rows_are_numbered_by_the_kinds_that_are_asked_for() -> None:
    """The next backup compares with kinds of its own, of which there may be more or fewer."""
    state: State = {("apps", "deployments", "shop", "web"): ("u", "1", bytes(32))}
    listing = written(rows_of(state))
    assert [row.kind for row in resolve([listing])] == [2]
    assert [row.kind for row in resolve([listing], KINDS[2:])] == [0]
    assert list(resolve([listing], KINDS[:2])) == []


def test_the_thirty_second_has_to_be_whole() -> None:
    """A restore that needs a hundred files of which one is lost is no restore."""
    chain = [written([])]
    for _ in range(GREATEST_DEPTH):
        chain.insert(0, written([], chain[0]))
    assert list(resolve(chain)) == []
    with pytest.raises(ValueError, match="its depth is 32"):
        written([], chain[0])


def test_many_rows_make_several_frames_and_long_names_more() -> None:
    """No frame may be larger than a reader takes, whatever people call their objects."""
    rows = [Row(1, "shop", f"{number:06d}", "u", "1", bytes(32)) for number in range(FRAME_ROWS + 1)]
    assert list(written(rows).rows()) == rows
    rows = [Row(0, "", f"{number:04d}" + "x" * 4_000_000, "u", "1", bytes(32)) for number in range(9)]
    assert list(written(rows).rows()) == rows
    with pytest.raises(ValueError, match="do not fit"):
        written([Row(0, "", "x" * 2**24, "u", "1", bytes(32))])


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_and_every_cut_is_refused_by_name(keyring: Keyring) -> None:
    """The digest stands in the manifest, so this holds without encryption too."""
    made = write_listing([], cluster=CLUSTER, kinds=(), objects=0, keyring=keyring, entropy=counted())
    for damaged in [*every_flip(made.data), *every_end(made.data), made.data + b"\0"]:
        with pytest.raises(
            RepositoryBrokenError, match=f"listings/{made.id} is not the file that was written"
        ):
            Listing(damaged, made.id, made.sha256, keyring)


def test_a_chain_put_together_of_other_listings_is_refused() -> None:
    """Each is genuine; another base would give a backup that never was."""
    one, two = written([]), written([])
    delta = written([], one)
    second = written([], delta)
    with pytest.raises(RepositoryBrokenError, match=f"{delta.name} rests on {one.id} and not on {two.id}"):
        list(resolve([delta, two]))
    with pytest.raises(RepositoryBrokenError, match=f"{one.name} rests on nothing"):
        list(resolve([one, two]))
    with pytest.raises(RepositoryBrokenError, match=f"rests on {delta.id} and not on {one.id}"):
        list(resolve([second, one]))
    with pytest.raises(
        RepositoryBrokenError, match=f"{delta.name} rests on {one.id}, which the backup does not"
    ):
        list(resolve([second, delta]))
    with pytest.raises(ValueError, match="at least one"):
        list(resolve([]))


HEAD = {
    "base": "",
    "depth": 0,
    "cluster": CLUSTER,
    "kinds": msgspec.to_builtins(KINDS),
    "rows": 1,
    "objects": 1,
}


def lying(head: dict[str, Any], *frames: Any) -> SealedFile:
    count = sum(map(len, frames))
    whole = {**HEAD, "rows": count, "objects": count, **head}
    parts = [msgspec.msgpack.encode(part) for part in (whole, *frames)]
    return seal_contents(FileKind.LISTING, parts, PLAIN)


def kind(**fields: Any) -> dict[str, Any]:
    return {**msgspec.to_builtins(KINDS[1]), **fields}


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"cluster": "../../etc"}, "it names no cluster"),
        ({"depth": 1}, "its depth is 1"),
        ({"base": "a" * 32}, "its depth is 0"),
        ({"base": "a" * 32, "depth": 32}, "its depth is 32"),
        ({"base": "a" * 32, "depth": -1}, "its depth is -1"),
        ({"base": "../x", "depth": 1}, "its base is no id"),
        ({"objects": -1}, "a number of rows is negative"),
        ({"kinds": [kind(), kind()]}, "'pods' is not where it should stand"),
        ({"kinds": [kind(resource="a/../b")]}, "names a kind that cannot be"),
        ({"kinds": [kind(group="..")]}, "names a kind that cannot be"),
        ({"kinds": [kind(version="v1/../..")]}, "names a kind that cannot be"),
        ({"kinds": [kind(served=["v1", ""])]}, "names a kind that cannot be"),
        ({"kinds": [kind(kind="a/b")]}, "names a kind that cannot be"),
        ({"kinds": [kind(namespaced=1)]}, "cannot be read as a listing"),
        ({"surprise": 1}, "cannot be read as a listing"),
    ],
)
def test_a_head_that_cannot_be_is_refused_even_where_its_digest_holds(
    head: dict[str, Any], message: str
) -> None:
    """A compromised writer signs what it likes; a kind's names become paths of requests and of an export."""
    made = lying(head)
    with pytest.raises(RepositoryBrokenError, match=message) as caught:
        Listing(made.data, made.id, made.sha256, PLAIN)
    assert f"listings/{made.id}" in caught.value.message


ID = bytes(32)


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        ({}, [[9, "shop", "a", "", "", ID]], "a row of kind 9"),
        ({}, [[-1, "shop", "a", "", "", ID]], "a row of kind -1"),
        ({}, [[1, "shop", "b", "", "", ID], [1, "shop", "a", "", "", ID]], "'a' where it should not stand"),
        ({}, [[1, "shop", "a", "", "", ID], [1, "shop", "a", "", "", ID]], "'a' where it should not stand"),
        ({}, [[1, "..", "a", "", "", ID]], r"a namespace that cannot be: '\.\.'"),
        ({}, [[1, "", "a", "", "", ID]], "a namespace that cannot be"),
        ({}, [[0, "shop", "a", "", "", ID]], "a namespace that cannot be"),
        ({}, [[1, "Shop", "a", "", "", ID]], "a namespace that cannot be"),
        ({}, [[1, "shop/x", "a", "", "", ID]], "a namespace that cannot be"),
        ({}, [[1, "shop\n", "a", "", "", ID]], "a namespace that cannot be"),
        ({}, [[1, "shop", "..", "", "", ID]], "a name that cannot be"),
        ({}, [[1, "shop", "../../x", "", "", ID]], "a name that cannot be"),
        ({}, [[1, "shop", "%2e%2e", "", "", ID]], "a name that cannot be"),
        ({}, [[1, "shop", "", "", "", ID]], "a name that cannot be"),
        ({}, [[1, "shop", "a", "", "", b""]], "'a' without an id"),
        ({}, [[1, "shop", "a", "", "", ID[:-1]]], "'a' without an id"),
        ({"rows": 2}, [[1, "shop", "a", "", "", ID]], "has 1 rows and says 2"),
        ({"objects": 2}, [[1, "shop", "a", "", "", ID]], "comes to 1 objects with its bases and says 2"),
        ({}, [[1, "shop", "a", "", "", ID, 1]], "cannot be read as a listing"),
        ({}, [[1, "shop", "a", "", ""]], "cannot be read as a listing"),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_name(head: dict[str, Any], rows: list[Any], message: str) -> None:
    """Names become paths of an export and of requests: none may leave its folder."""
    made = lying(head, rows)
    listing = Listing(made.data, made.id, made.sha256, PLAIN)
    with pytest.raises(RepositoryBrokenError, match=message) as caught:
        list(resolve([listing]))
    assert listing.name in caught.value.message


@given(data=st.binary(max_size=120))
def test_no_content_at_all_makes_a_reader_fail_in_another_way(data: bytes) -> None:
    """Genuine envelope, any content."""
    made = seal_contents(FileKind.LISTING, [data], SEALED)
    with pytest.raises(RepositoryBrokenError, match=f"listings/{made.id}"):
        Listing(made.data, made.id, made.sha256, SEALED)
    parts = [msgspec.msgpack.encode(HEAD), data]
    made = seal_contents(FileKind.LISTING, parts, SEALED)
    with pytest.raises(RepositoryBrokenError, match=f"listings/{made.id}"):
        list(Listing(made.data, made.id, made.sha256, SEALED).rows())


def test_every_flipped_bit_within_a_genuine_envelope_is_refused_or_still_a_listing() -> None:
    """A writer that lies may say anything that can be said: no reader may break down, or hand out a hostile name."""
    rows = [Row(0, "", "node-1", "u", "1", ID), Row(1, "shop", "web", "u", "1", ID)]
    head = msgspec.msgpack.encode({**HEAD, "rows": 2, "objects": 2})
    content = msgspec.msgpack.encode(rows)
    refused = 0
    for changed in [
        *((other, content) for other in every_flip(head) + every_end(head)),
        *((head, other) for other in every_flip(content) + every_end(content)),
    ]:
        made = seal_contents(FileKind.LISTING, changed, PLAIN)
        try:
            found = list(resolve([Listing(made.data, made.id, made.sha256, PLAIN)]))
        except RepositoryBrokenError as error:
            assert made.id in error.message  # noqa: PT017 - another name of the same form is a possible one
            refused += 1
            continue
        assert len(found) == 2
        assert all(is_path_segment(row.name) and "/" not in row.namespace for row in found)
    assert refused > len(content)


def test_a_listing_no_reader_would_take_is_not_written() -> None:
    """It would be found out when it is needed."""
    with pytest.raises(ValueError, match="where it should not stand"):
        written([Row(1, "shop", "b", "", "", ID), Row(1, "shop", "a", "", "", ID)])
    with pytest.raises(ValueError, match="without an id"):
        written([Row(1, "shop", "b", "", "", b"")])
    with pytest.raises(ValueError, match="another cluster"):
        write_listing([], cluster=OTHER_CLUSTER, kinds=(), objects=0, keyring=SEALED, base=written([]))


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        ("web-1", True),
        ("system:node", True),
        ("a b", True),
        ("...", True),
        (".", False),
        ("a/b", False),
        ("a%b", False),
    ],
)
def test_a_name_is_what_kubernetes_could_have_taken(name: str, possible: bool) -> None:
    """Stricter, and one odd ClusterRole would keep a whole cluster from being backed up."""
    assert is_path_segment(name) is possible
