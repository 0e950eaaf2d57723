"""Packs and indexes: every object comes back as what its id says, by whatever way it is read, or not at all."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.canonical import object_id
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryKeyError
from k8sops.backup.index import Catalogue, Index
from k8sops.backup.keyring import Keyring
from k8sops.backup.packs import (
    FRAME_OBJECTS,
    FRAME_TARGET,
    GREATEST_PACK,
    PACK_TARGET,
    Pack,
    Packer,
    PackReader,
    pack_objects,
)
from k8sops.backup.sealed import SEALED_HEADER, FileKind, seal_contents
from tests.backup.files import ID_KEY, KEYRINGS, PLAIN, SEALED, counted, every_end, every_flip

objects = st.lists(st.binary(max_size=60), min_size=1, max_size=30)


def noise(size: int, seed: int) -> bytes:
    """Bytes that do not compress, the same in every run."""
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)


def packed(objects: list[bytes], keyring: Keyring = SEALED) -> list[Pack]:
    packer = Packer(keyring, counted())
    packs = [packer.add(object_id(ID_KEY, data), data) for data in objects]
    return [pack for pack in packs if pack is not None] + packer.finish()


def read_all(packs: list[Pack], keyring: Keyring = SEALED) -> list[bytes]:
    return [data for pack in packs for _, data in pack_objects(pack.file.data, pack.entry, keyring)]


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
@given(data=objects)
def test_what_was_packed_comes_back_in_order_and_once(keyring: Keyring, data: list[bytes]) -> None:
    """An object that is stored twice in a pack is stored once."""
    assert read_all(packed(data, keyring), keyring) == list(dict.fromkeys(data))


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_one_object_is_read_by_its_frame_alone(keyring: Keyring) -> None:
    """What `backups cat` costs is one small ranged read, not a pack."""
    data = [noise(number * 7_001 % 400_000, number) for number in range(60)]
    packs = packed(data, keyring)
    catalogue = Catalogue([Index(tuple(pack.entry for pack in packs))])
    files = {pack.entry.id: pack.file.data for pack in packs}
    assert len(catalogue) == len(data)
    for item in data[::7]:
        place = catalogue.find(object_id(ID_KEY, item))
        assert place is not None
        file = files[place.pack.id]
        begin, end = place.range
        assert end - begin < len(file)
        reader = PackReader(place.pack, file[:SEALED_HEADER], keyring)
        assert list(reader.frame(place.frame, file[begin:end]))[place.number] == (
            object_id(ID_KEY, item),
            item,
        )


def test_frames_and_packs_close_before_they_are_too_large() -> None:
    """Above 16 MiB object stores want several requests, and a reader would refuse it."""
    sizes = [*[900_000] * 40, FRAME_TARGET, FRAME_TARGET + 1, 12 * 2**20, 16 * 2**20, 5]
    data = [noise(size, number) for number, size in enumerate(sizes)]
    packs = packed(data)
    assert read_all(packs) == data
    for pack in packs:
        assert len(pack.file.data) <= GREATEST_PACK
        assert len(pack.file.data) <= PACK_TARGET + SEALED_HEADER or len(pack.entry.frames) == 1
        assert all(frame.content <= FRAME_TARGET or len(frame.lengths) == 1 for frame in pack.entry.frames)


def test_small_objects_are_bounded_by_their_number() -> None:
    """A frame of four million tiny objects would make an index frame that no reader takes."""
    packs = packed([str(number).encode() for number in range(FRAME_OBJECTS + 5)])
    assert [len(frame.lengths) for pack in packs for frame in pack.entry.frames] == [FRAME_OBJECTS, 5]


def test_a_packer_without_objects_makes_no_pack() -> None:
    """An unchanged cluster costs no file."""
    assert Packer(SEALED).finish() == []


@pytest.mark.parametrize("size", [31, 33])
def test_what_is_no_object_is_not_packed(size: int) -> None:
    """The caller is wrong, not the repository: said at once and not in a year."""
    with pytest.raises(ValueError, match="32 bytes"):
        Packer(SEALED).add(bytes(size), b"")
    with pytest.raises(ValueError, match="16 MiB"):
        Packer(SEALED).add(bytes(32), bytes(16 * 2**20 + 1))


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_and_every_cut_of_a_pack_is_refused_by_name(keyring: Keyring) -> None:
    """Also without encryption, where nothing but digests can tell."""
    (pack,) = packed([b"one", b"two" * 20], keyring)
    for damaged in [*every_flip(pack.file.data), *every_end(pack.file.data), pack.file.data + b"\0"]:
        with pytest.raises(RepositoryBrokenError, match=pack.entry.name):
            list(pack_objects(damaged, pack.entry, keyring))


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_of_a_ranged_read_is_refused(keyring: Keyring) -> None:
    """A ranged read cannot check the file's digest: the tag must tell, or the object's id."""
    (pack,) = packed([b"one", b"two" * 20], keyring)
    at = pack.entry.frames[0].at
    header, frame = pack.file.data[:SEALED_HEADER], pack.file.data[at:]
    for damaged in every_flip(header)[: at if keyring.encrypted else 26]:
        with pytest.raises((RepositoryError, RepositoryKeyError), match=pack.entry.name):
            list(PackReader(pack.entry, damaged, keyring).frame(0, frame))
    read = 0
    for damaged in [*every_flip(frame), *every_end(frame), frame + b"\0"]:
        try:
            got = list(PackReader(pack.entry, header, keyring).frame(0, damaged))
        except RepositoryBrokenError as error:
            assert pack.entry.name in error.message  # noqa: PT017 - some flips of a plain zstd frame mean nothing
            continue
        read += 1
        assert [data for _, data in got] == [b"one", b"two" * 20]
    assert read == 0 or not keyring.encrypted


def test_an_object_in_anothers_place_is_refused() -> None:
    """A plain pack whose index was made to fit: the id is what an object is asked for by."""
    (pack,) = packed([b"one", b"two"], PLAIN)
    frame = pack.entry.frames[0]
    swapped = frame.__class__(
        frame.at, frame.length, frame.content, frame.ids[32:] + frame.ids[:32], frame.lengths
    )
    entry = pack.entry.__class__(pack.entry.id, pack.entry.size, pack.entry.sha256, (swapped,))
    with pytest.raises(
        RepositoryBrokenError, match=r"frame 0, holds another object in the place of [0-9a-f]{64}"
    ):
        list(pack_objects(pack.file.data, entry, PLAIN))


def test_a_pack_with_more_or_fewer_frames_than_the_index_says_is_refused() -> None:
    """Frames nobody described are frames nobody checks."""
    (pack,) = packed([b"one"], PLAIN)
    other = seal_contents(
        FileKind.PACK, [b"one", b"two"], PLAIN, lambda size: bytes.fromhex(pack.entry.id)[:size]
    )
    entry = pack.entry.__class__(pack.entry.id, len(other.data), other.sha256, pack.entry.frames)
    with pytest.raises(RepositoryBrokenError, match="more than 3 bytes of content"):
        list(pack_objects(other.data, entry, PLAIN))
    fewer = entry.__class__(entry.id, pack.entry.size, pack.entry.sha256, pack.entry.frames * 2)
    with pytest.raises(RepositoryBrokenError, match="has another number of frames than the index says"):
        list(pack_objects(pack.file.data, fewer, PLAIN))


def test_an_object_is_taken_once_by_the_pack_that_its_frame_went_to() -> None:
    """The frame that closes a pack begins the next one, which must know what is in it."""
    data = [noise(FRAME_TARGET, number) for number in range(5)]
    packs = packed([*data, data[3]])
    assert [len(pack.entry.frames) for pack in packs] == [3, 2]
    assert read_all(packs) == data


def test_alike_objects_side_by_side_are_small() -> None:
    """The point of packs: without it an incremental backup would still cost too much."""
    data = [
        os.urandom(16).hex().encode() + b'{"kind":"Pod","spec":{"containers":[]}}' * 60 for _ in range(500)
    ]
    (pack,) = packed(data)
    assert pack.entry.size * 20 < sum(map(len, data))
