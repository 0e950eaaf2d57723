"""Sealed files: they open to exactly what was put in, under their own name, or not at all."""

from __future__ import annotations

import pickle
import struct

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.compression import FRAME_LIMIT, compress, expand
from k8sops.backup.errors import (
    RepositoryBrokenError,
    RepositoryError,
    RepositoryKeyError,
    RepositoryNewerError,
)
from k8sops.backup.keyring import Keyring
from k8sops.backup.sealed import (
    PLAIN_HEADER,
    SEALED_HEADER,
    FileKind,
    FrameReader,
    SealedFile,
    What,
    check_digest,
    open_sealed,
    read_header,
    seal,
    seal_contents,
)
from tests.backup.files import (
    ID_KEY,
    KEYRINGS,
    PLAIN,
    REPOSITORY,
    SEALED,
    contents,
    counted,
    every_end,
    every_flip,
)

MOST = 2**20


def read(data: bytes, found: SealedFile, keyring: Keyring, kind: FileKind = FileKind.INDEX) -> list[bytes]:
    what = What(f"indexes/{found.id}", kind, found.id)
    return list(open_sealed(data, what, keyring, most=MOST))


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
@given(parts=contents, kind=st.sampled_from(FileKind))
def test_what_was_sealed_comes_back(keyring: Keyring, parts: list[bytes], kind: FileKind) -> None:
    """Whole, and frame by frame in any order as a ranged get has it."""
    made = seal_contents(kind, parts, keyring)
    check_digest(made.data, made.sha256, "the file")
    assert read(made.data, made, keyring, kind) == parts
    what = What("the file", kind, made.id)
    reader = FrameReader(read_header(made.data[:SEALED_HEADER], what, keyring), what, keyring)
    for number, span in reversed(list(enumerate(made.spans))):
        piece = made.data[span.at : span.at + 4 + span.length]
        content = reader.open_at(piece, number, last=number == len(parts) - 1)
        assert content == parts[number]
        assert len(content) == span.content


@given(parts=contents)
def test_every_flipped_bit_of_a_sealed_file_is_refused(parts: list[bytes]) -> None:
    """Whoever can write to the storage can turn any bit; none may change what is read."""
    made = seal_contents(FileKind.INDEX, parts, SEALED, counted())
    for damaged in every_flip(made.data):
        with pytest.raises((RepositoryError, RepositoryKeyError), match=f"indexes/{made.id}"):
            read(damaged, made, SEALED)


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_every_flipped_bit_of_any_file_changes_its_digest(keyring: Keyring) -> None:
    """A plain file has no tags: it is the signed digest that tells."""
    made = seal_contents(FileKind.INDEX, [b"one" * 50, b"two"], keyring, counted())
    for damaged in [*every_flip(made.data), *every_end(made.data), made.data + b"\0"]:
        with pytest.raises(RepositoryBrokenError, match="SHA-256 is another"):
            check_digest(damaged, made.sha256, "the file")


@given(parts=contents)
def test_a_sealed_file_that_ends_anywhere_else_is_refused_before_anything_is_handed_out(
    parts: list[bytes],
) -> None:
    """A reader that streams must not have acted on a part of a file before it learns that the rest is missing."""
    made = seal_contents(FileKind.INDEX, parts, SEALED, counted())
    what = What(f"indexes/{made.id}", FileKind.INDEX, made.id)
    for cut in [*every_end(made.data), made.data + b"\0", made.data + b"\0\0\0\1a"]:
        with pytest.raises(RepositoryBrokenError, match=f"indexes/{made.id}"):
            next(open_sealed(cut, what, SEALED, most=MOST))


@given(parts=contents.filter(lambda parts: len(parts) > 1), order=st.randoms())
def test_frames_cannot_be_moved_repeated_or_dropped(parts: list[bytes], order: object) -> None:
    """Each frame is whole and genuine, and still is not what was written there."""
    made = seal_contents(FileKind.INDEX, parts, SEALED, counted())
    header = made.data[:SEALED_HEADER]
    pieces = [made.data[span.at : span.at + 4 + span.length] for span in made.spans]
    others = [
        pieces[1:],
        pieces[:-1],
        [pieces[0], *pieces],
        [*pieces, pieces[-1]],
        [*pieces[1:], pieces[0]],
        [pieces[1], pieces[0], *pieces[2:]],
    ]
    for changed in others:
        with pytest.raises(RepositoryBrokenError, match="altered, moved"):
            read(header + b"".join(changed), made, SEALED)


def test_a_frame_of_another_file_is_refused() -> None:
    """Two files of the same content, size and epoch differ in their key: nothing can be mixed."""
    one, two = (seal_contents(FileKind.INDEX, [b"same", b"same"], SEALED, counted(seed)) for seed in "ab")
    mixed = one.data[: one.spans[1].at] + two.data[two.spans[1].at :]
    with pytest.raises(RepositoryBrokenError, match="frame 1, was altered, moved"):
        read(mixed, one, SEALED)
    key_of_two = one.data[:PLAIN_HEADER] + two.data[PLAIN_HEADER:SEALED_HEADER] + one.data[SEALED_HEADER:]
    with pytest.raises(RepositoryBrokenError, match="its key does not open under epoch 2"):
        read(key_of_two, one, SEALED)
    with pytest.raises(RepositoryBrokenError, match=f"holds the file {two.id}"):
        read(two.data, one, SEALED)


@pytest.mark.parametrize("kind", [FileKind.PACK, FileKind.LISTING, FileKind.MANIFEST])
def test_a_file_of_another_kind_is_refused(kind: FileKind) -> None:
    """An index in a listing's place would be decoded as what it is not."""
    made = seal_contents(kind, [b"a"], SEALED)
    with pytest.raises(RepositoryBrokenError, match=f"should be of kind index and is of kind {kind.label}"):
        read(made.data, made, SEALED)


def test_no_plain_file_passes_for_a_sealed_one_nor_the_other_way() -> None:
    """Otherwise whoever can write could put a file of their own making in a sealed one's place."""
    for made_with, read_with in ((PLAIN, SEALED), (SEALED, PLAIN)):
        made = seal_contents(FileKind.INDEX, [b"a"], made_with)
        with pytest.raises(RepositoryBrokenError, match="and the repository is otherwise"):
            read(made.data, made, read_with)


def test_an_epoch_whose_key_is_not_held_is_named() -> None:
    """It is the one case in which the file is right and the reader lacks something."""
    made = seal_contents(FileKind.INDEX, [b"a"], SEALED)
    older = Keyring(REPOSITORY, ID_KEY, {1: b"1" * 32})
    with pytest.raises(RepositoryKeyError, match=f"indexes/{made.id} is of epoch 2") as caught:
        read(made.data, made, older)
    assert "rekey" in caught.value.hint


def test_another_epochs_key_does_not_open_it() -> None:
    """An epoch number that was changed in the header is not believed."""
    made = seal_contents(FileKind.INDEX, [b"a"], SEALED)
    moved = made.data[:26] + struct.pack(">I", 1) + made.data[30:]
    with pytest.raises(RepositoryBrokenError, match="does not open under epoch 1"):
        read(moved, made, SEALED)


@pytest.mark.parametrize(
    ("header", "error", "message"),
    [
        (b"k8sopsB2" + bytes(82), RepositoryNewerError, "is of format 2; this program reads format 1"),
        (b"k8sopsB\xff" + bytes(82), RepositoryNewerError, r"is of format \\xff"),
        (b"GET / HT" + bytes(82), RepositoryBrokenError, "is not a file of a backup repository"),
        (b"k8sopsB1\x07\x01" + bytes(80), RepositoryBrokenError, "is of kind 7, which is unknown"),
        (b"k8sopsB1\x02\x02" + bytes(80), RepositoryBrokenError, r"unknown protection \(2\)"),
        (b"k8sopsB1\x02\x01" + bytes(80), RepositoryBrokenError, "epoch 0, which cannot be"),
        (b"k8sopsB1\x02\x01" + bytes(19) + b"\1", RepositoryBrokenError, "within its header"),
    ],
)
def test_a_header_that_says_something_else_is_refused_by_what_it_says(
    header: bytes, error: type[RepositoryError], message: str
) -> None:
    """Of a newer format people need another program; of other bytes, another file."""
    with pytest.raises(error, match=message):
        list(open_sealed(header, What("the file", FileKind.INDEX), SEALED, most=MOST))


def lying(content: bytes, size: int) -> bytes:
    """A zstd frame whose header was rewritten to state another size of its content (8 bytes wide)."""
    window, blocks = b"\x40", compress(content)
    start = 4 + 1 + {0: 1, 1: 2, 2: 4, 3: 8}[blocks[4] >> 6]
    return blocks[:4] + b"\xc0" + window + struct.pack("<Q", size) + blocks[start:]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (zstandard.ZstdCompressor().compress(bytes(FRAME_LIMIT + 1)), "16,777,217 bytes of content"),
        (lying(b"a", 2**63), "9,223,372,036,854,775,808 bytes of content"),
        (lying(bytes(1000), 999), "cannot be read|said to have"),
        (lying(bytes(1000), 1001), "cannot be read|said to have"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(b"a"), "does not state"),
        (compress(b"a") + b"b", "cannot be read"),
        (compress(b"a") + compress(b"a"), "cannot be read"),
        (compress(b"a" * 100)[:-1], "cannot be read"),
        (struct.pack("<II", 0x184D2A50, 4) + b"abcd", "is not a zstd frame"),
        (b"", "is not a zstd frame"),
        (b"\x28\xb5\x2f\xfd", "cannot be read"),
        (b"\x28\xb5\x2f\xfd\xe0\xf8" + struct.pack("<Q", 1), "cannot be read|window|content"),
    ],
)
def test_a_frame_that_lies_about_its_size_is_refused_before_memory_is_taken(
    frame: bytes, message: str
) -> None:
    """Half a kilobyte can ask for gigabytes."""
    with pytest.raises(RepositoryBrokenError, match=message):
        expand(frame, "the file")


def test_a_frame_with_a_huge_window_is_refused() -> None:
    """A window is memory too, whatever the content's size."""
    stating_128_mib = b"\x28\xb5\x2f\xfd\x80\x88" + struct.pack("<I", 2**20) + compress(bytes(2**20))[-8:]
    with pytest.raises(RepositoryBrokenError, match="134,217,728 bytes of window"):
        expand(stating_128_mib, "the file")


def test_content_past_the_whole_files_limit_is_refused() -> None:
    """Many small bombs are a large one."""
    made = seal(FileKind.INDEX, [compress(bytes(2**20))] * 3, SEALED)
    what = What("the file", FileKind.INDEX, made.id)
    with pytest.raises(RepositoryBrokenError, match="more than 2,097,152 bytes of content"):
        list(open_sealed(made.data, what, SEALED, most=2 * 2**20))
    assert len(list(open_sealed(made.data, what, SEALED, most=3 * 2**20))) == 3


def test_a_file_key_is_used_for_one_file_only() -> None:
    """The same content sealed twice shares no byte that depends on a key: no key and nonce come twice."""
    one, two = (seal_contents(FileKind.PACK, [b"same" * 9] * 2, SEALED) for _ in range(2))
    assert one.id != two.id
    assert one.data[PLAIN_HEADER:SEALED_HEADER] != two.data[PLAIN_HEADER:SEALED_HEADER]
    assert len({f.data[span.at + 4 : span.at + 4 + span.length] for f in (one, two) for span in f.spans}) == 4


def test_the_bytes_are_those_of_the_written_format() -> None:
    """An independent reader, from the page alone: if this changes, the format's number has to."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data = seal_contents(FileKind.LISTING, [b"first", b"last"], SEALED).data
    assert data[:10] == b"k8sopsB1\x03\x01"
    assert data[26:30] == b"\0\0\0\2"
    key = AESGCM(b"2" * 32).decrypt(data[30:42], data[42:90], data[:30])
    at, found = 90, []
    for nonce in (bytes(12), bytes(10) + b"\1\1"):
        (length,) = struct.unpack_from(">I", data, at)
        frame = AESGCM(key).decrypt(nonce, data[at + 4 : at + 4 + length], data[:90])
        found.append(zstandard.ZstdDecompressor().decompress(frame))
        at += 4 + length
    assert found == [b"first", b"last"]
    assert at == len(data)


@given(data=st.binary(max_size=400), prefix=st.booleans())
def test_no_bytes_at_all_make_a_reader_fail_in_another_way(data: bytes, prefix: bool) -> None:
    """A crash on a file is a backup that cannot be read around the damage."""
    what = What("the file", FileKind.PACK)
    for keyring in (SEALED, PLAIN):
        begin = b"k8sopsB1\x01" + bytes([keyring.encrypted]) if prefix else b""
        with pytest.raises((RepositoryError, RepositoryKeyError), match="the file"):
            list(open_sealed(begin + data, what, keyring, most=MOST))


def test_keys_are_shown_nowhere() -> None:
    """A traceback with local variables must not carry them."""
    assert repr(SEALED) == f"Keyring({REPOSITORY}, epochs [1, 2])"
    with pytest.raises(TypeError, match="do not leave"):
        pickle.dumps(SEALED)
    with pytest.raises(RepositoryKeyError, match="does not have 32 bytes"):
        Keyring(REPOSITORY, b"short", {})
    with pytest.raises(RepositoryKeyError, match="epoch that cannot be"):
        Keyring(REPOSITORY, ID_KEY, {0: b"1" * 32})
