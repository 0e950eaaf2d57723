"""Indexes: what they say is checked before it is used, and the catalogue finds what they hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.canonical import object_id
from k8sops.backup.errors import RepositoryBrokenError, RepositoryKeyError
from k8sops.backup.index import Catalogue, Index, read_index, write_index
from k8sops.backup.keyring import Keyring
from k8sops.backup.packs import PackEntry, Packer
from k8sops.backup.sealed import FileKind, SealedFile, seal_contents
from tests.backup.files import ID_KEY, KEYRINGS, PLAIN, SEALED, counted, every_end, every_flip

REPLACED = "f" * 32


def entry_of(*objects: bytes, keyring: Keyring = SEALED, seed: str = "") -> PackEntry:
    packer = Packer(keyring, counted(seed))
    for data in objects:
        packer.add(object_id(ID_KEY, data), data)
    return packer.finish()[0].entry


def read(made: SealedFile, keyring: Keyring = SEALED) -> Index:
    return read_index(made.data, made.id, made.sha256, keyring)


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
@given(packs=st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=6), max_size=4))
def test_an_index_comes_back_and_the_catalogue_finds_each_object(
    keyring: Keyring, packs: list[list[bytes]]
) -> None:
    """An object that cannot be found is lost as much as one that was not stored."""
    index = Index(
        tuple(entry_of(*pack, keyring=keyring, seed=str(number)) for number, pack in enumerate(packs)),
        (REPLACED,),
    )
    found = read(write_index(index, keyring), keyring)
    assert found == index
    catalogue = Catalogue([found])
    wanted = {data for pack in packs for data in pack}
    assert len(catalogue) == len(wanted)
    assert list(catalogue.packs) == list(index.packs)
    for data in wanted:
        id_ = object_id(ID_KEY, data)
        place = catalogue.find(id_)
        assert id_ in catalogue
        assert place is not None
        frame = place.pack.frames[place.frame]
        assert frame.ids[place.number * 32 : place.number * 32 + 32] == id_
        assert frame.lengths[place.number] == len(data)
    assert catalogue.find(bytes(32)) is None


def test_doomed_packs_are_as_if_they_were_not_there() -> None:
    """A backup that relied on a pack a prune is about to delete would lose objects."""
    one, two = entry_of(b"a", b"b", seed="1"), entry_of(b"b", b"c", seed="2")
    catalogue = Catalogue([Index((one, two))], absent={one.id})
    assert catalogue.find(object_id(ID_KEY, b"a")) is None
    place = catalogue.find(object_id(ID_KEY, b"b"))
    assert place is not None
    assert place.pack == two


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_and_every_cut_is_refused_by_name(keyring: Keyring) -> None:
    """The digest stands in the manifest, so this holds without encryption too."""
    made = write_index(Index((entry_of(b"a", keyring=keyring),)), keyring)
    for damaged in [*every_flip(made.data), *every_end(made.data), made.data + b"\0"]:
        with pytest.raises(
            RepositoryBrokenError, match=f"indexes/{made.id} is not the file that was written"
        ):
            read_index(damaged, made.id, made.sha256, keyring)


def test_another_index_in_its_place_is_refused() -> None:
    """Swapped files: the digest tells where it is known, the id in the header in any case."""
    one, two = (write_index(Index((), (REPLACED,)), SEALED) for _ in range(2))
    with pytest.raises(RepositoryBrokenError, match="SHA-256 is another"):
        read_index(two.data, one.id, one.sha256, SEALED)
    with pytest.raises(RepositoryBrokenError, match=f"holds the file {two.id}"):
        read_index(two.data, one.id, two.sha256, SEALED)
    with pytest.raises(RepositoryKeyError, match="epoch 2"):
        read_index(one.data, one.id, one.sha256, Keyring(SEALED.repository, ID_KEY, {1: b"1" * 32}))


def changed(**fields: Any) -> dict[str, Any]:
    return {**msgspec.to_builtins(entry_of(b"ab", b"c", keyring=PLAIN), builtin_types=(bytes,)), **fields}


def framed(*frames: list[Any], size: int | None = None) -> dict[str, Any]:
    end = frames[-1][0] + 4 + frames[-1][1]
    return changed(frames=frames, size=end if size is None else size)


IDS = bytes(64)
GOOD = [30, 10, 3, IDS, [2, 1]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (changed(id="../../etc/passwd"), "its id or digest is none"),
        (changed(id="A" * 32), "its id or digest is none"),
        (changed(sha256="0" * 63), "its id or digest is none"),
        (changed(frames=[]), "no frames"),
        (changed(size=2**40), "a size that no pack has"),
        (changed(size=-1), "a size that no pack has"),
        (framed([31, 10, 3, IDS, [2, 1]]), "does not follow its header"),
        (framed(GOOD, [43, 10, 3, IDS, [2, 1]]), "do not follow each other"),
        (framed(GOOD, size=45), "does not end with it"),
        (framed([30, 0, 3, IDS, [2, 1]]), "a size that none has"),
        (framed([30, 10, -3, IDS, [2, 1]]), "a size that none has"),
        (framed([30, 10, 2**25, IDS, [2**25, 0]]), "a size that none has"),
        (framed([30, 10, 3, bytes(63), [2, 1]]), "another number of ids"),
        (framed([30, 10, 3, IDS, [4, -1]]), "another number of ids"),
        (framed([30, 10, 3, IDS, [2, 2]]), "do not fill it"),
        (framed([30, 10, 3, IDS, [2, 2**62]]), "do not fill it"),
        (changed(surprise=1), "cannot be read as an index"),
        (framed([*GOOD, 1]), "cannot be read as an index"),
        (changed(size="1"), "cannot be read as an index"),
        ({"id": "0"}, "cannot be read as an index"),
    ],
)
def test_what_an_index_says_is_checked_even_where_its_digest_holds(
    entry: dict[str, Any], message: str
) -> None:
    """A compromised writer signs what it likes: it must not choose paths, memory or offsets of whoever reads."""
    head = {"packs": 1, "replaces": []}
    made = seal_contents(FileKind.INDEX, [msgspec.msgpack.encode(part) for part in (head, entry)], PLAIN)
    with pytest.raises(RepositoryBrokenError, match=message) as caught:
        read(made, PLAIN)
    assert f"indexes/{made.id}" in caught.value.message


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([{"packs": 2, "replaces": []}, changed()], "describes 1 packs and says 2"),
        ([{"packs": 2, "replaces": []}, changed(), changed()], "it comes twice"),
        ([{"packs": 0, "replaces": ["../x"]}], "something that is no id"),
        ([{"packs": 0}], "cannot be read as an index"),
        ([{"packs": 0, "replaces": [], "more": 1}], "cannot be read as an index"),
        ([[]], "cannot be read as an index"),
    ],
)
def test_the_head_of_an_index_is_checked_too(contents: list[Any], message: str) -> None:
    """What it replaces is what a prune deletes."""
    made = seal_contents(FileKind.INDEX, [msgspec.msgpack.encode(part) for part in contents], PLAIN)
    with pytest.raises(RepositoryBrokenError, match=message):
        read(made, PLAIN)


@given(data=st.binary(max_size=120))
def test_no_content_at_all_makes_a_reader_fail_in_another_way(data: bytes) -> None:
    """Genuine envelope, any content: msgpack can claim four billion items in five bytes."""
    for contents in ([data], [msgspec.msgpack.encode({"packs": 1, "replaces": []}), data]):
        made = seal_contents(FileKind.INDEX, contents, SEALED)
        with pytest.raises(RepositoryBrokenError, match=f"indexes/{made.id}"):
            read(made)


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_within_a_genuine_envelope_is_refused_or_still_an_index(keyring: Keyring) -> None:
    """A writer that lies may say anything that can be said: no reader may break down, or believe what cannot be."""
    entry = entry_of(b"a", b"bc", keyring=keyring)
    parts = [msgspec.msgpack.encode({"packs": 1, "replaces": [REPLACED]}), msgspec.msgpack.encode(entry)]
    refused = 0
    for changed_head, changed_entry in (
        *((head, parts[1]) for head in every_flip(parts[0]) + every_end(parts[0])),
        *((parts[0], part) for part in every_flip(parts[1]) + every_end(parts[1])),
    ):
        made = seal_contents(FileKind.INDEX, [changed_head, changed_entry], keyring)
        try:
            found = read(made, keyring)
        except RepositoryBrokenError as error:
            assert made.id in error.message  # noqa: PT017 - another id or digest of a pack is a possible one
            refused += 1
            continue
        assert [pack.size for pack in found.packs] == [entry.size]
    assert refused > len(parts[0] + parts[1])


def test_an_index_no_reader_would_take_is_not_written() -> None:
    """It would be found out when it is needed."""
    entry = entry_of(b"a")
    with pytest.raises(ValueError, match="comes twice"):
        write_index(Index((entry, entry)), SEALED)
