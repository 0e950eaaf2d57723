"""Ten thousand random harms to an exported log, each found out; and each kind named for what it is."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from k8sops.audit.canonical import canonical
from k8sops.audit.checkpoints import sign_checkpoint
from k8sops.audit.export import verify_export
from k8sops.audit.record import open_record, record_hash, seal
from tests.audit.chains import (
    KEY,
    NOW,
    STORE,
    STRANGER,
    TRUSTED,
    Row,
    a_chain,
    an_entry,
    checkpoint_at,
    exported,
    opened,
)

LENGTH = 24
MUTATIONS = 10_000
ROWS = a_chain(LENGTH)
EXPORT = exported(ROWS)
SEGMENT = exported(ROWS[10:], before=ROWS[9])

Mutation = Callable[[list[bytes], random.Random], list[bytes]]


def line_of(row: Row) -> bytes:
    return b'{"hash":"%b","record":%b}\n' % (row[1].encode(), row[2])


def row_of(line: bytes) -> Row:
    found = json.loads(line)
    data = line[84:-2]
    return int(found["record"]["seq"]), found["hash"], data


def flip_bit(lines: list[bytes], chance: random.Random) -> list[bytes]:
    whole = bytearray(b"".join(lines))
    whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
    return [bytes(whole)]


def drop_byte(lines: list[bytes], chance: random.Random) -> list[bytes]:
    whole = b"".join(lines)
    at = chance.randrange(len(whole))
    return [whole[:at], whole[at + 1 :]]


def reencode(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """The same JSON in other bytes: spaces, another order, escapes; of the whole line, or of the record alone."""
    at = chance.randrange(len(lines))
    found = json.loads(lines[at])
    how = chance.randrange(3)
    if how == 0:
        lines[at] = json.dumps(found).encode() + b"\n"
    elif how == 1:
        shuffled = list(found.items())
        shuffled.reverse()
        lines[at] = json.dumps(dict(shuffled), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    else:
        text = lines[at].decode()
        spot = chance.choice([i for i, c in enumerate(text) if c.isalpha() and text[i - 1] not in "\\u"])
        lines[at] = f"{text[:spot]}\\u{ord(text[spot]):04x}{text[spot + 1 :]}".encode()
    return lines


def delete(lines: list[bytes], chance: random.Random) -> list[bytes]:
    del lines[chance.randrange(len(lines))]
    return lines


def double(lines: list[bytes], chance: random.Random) -> list[bytes]:
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    return lines


def insert(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """A record that is well made and does not belong."""
    at = chance.randrange(1, len(lines))
    seq = chance.randrange(1, LENGTH + 2)
    sealed = seal(an_entry(999), seq, ROWS[max(0, seq - 2)][1])
    lines.insert(at, line_of((seq, sealed.hash, sealed.data)))
    return lines


def swap(lines: list[bytes], chance: random.Random) -> list[bytes]:
    one, two = chance.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return lines


def move(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at, to = chance.sample(range(len(lines)), 2)
    lines.insert(to, lines.pop(at))
    return lines


def truncate(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """Cut off at the end, with or without the closing checkpoint."""
    cut = chance.randrange(1, len(lines) - 1)
    return [*lines[:cut], lines[-1]] if chance.random() < 0.5 else lines[:cut]


def other_content(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """A second record of the same sequence beside the first: two successors."""
    at = chance.randrange(1, len(lines) - 1)
    seq, _, data = row_of(lines[at])
    sealed = seal(an_entry(777), seq, open_record(data).previous)
    lines.insert(at + chance.randrange(2), line_of((seq, sealed.hash, sealed.data)))
    return lines


def edited(data: bytes, chance: random.Random) -> bytes:
    record = open_record(data)
    return canonical(msgspec.structs.replace(record, reason=f"{record.reason} {chance.random()}"))


def edit_and_hash_again(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """One record changed, and its own hash made right."""
    at = chance.randrange(1, len(lines) - 1)
    seq, _, data = row_of(lines[at])
    data = edited(data, chance)
    lines[at] = line_of((seq, record_hash(data), data))
    return lines


def change_hash(lines: list[bytes], chance: random.Random) -> list[bytes]:
    at = chance.randrange(1, len(lines) - 1)
    seq, _, data = row_of(lines[at])
    lines[at] = line_of((seq, chance.randbytes(32).hex(), data))
    return lines


def rewrite_the_tail(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """Everything from one record on is made anew, perfectly; only the signature is missing, or another's."""
    at = chance.randrange(1, len(lines) - 1)
    previous = row_of(lines[at - 1])[1] if at > 1 else open_record(row_of(lines[at])[2]).previous
    for index in range(at, len(lines) - 1):
        seq, _, data = row_of(lines[index])
        record = open_record(edited(data, chance) if index == at else data)
        data = canonical(msgspec.structs.replace(record, previous=previous))
        previous = record_hash(data)
        lines[index] = line_of((seq, previous, data))
    if chance.random() < 0.5:
        stranger = sign_checkpoint(STRANGER, origin=STORE, seq=row_of(lines[-2])[0], hash_=previous, at=NOW)
        lines[-1] = stranger.line + b"\n"
    return lines


MUTATIONS_OF: list[Mutation] = [
    flip_bit, drop_byte, reencode, delete, double, insert, swap, move, truncate, other_content, edit_and_hash_again,
    change_hash, rewrite_the_tail,
]  # fmt: skip


def test_every_one_of_ten_thousand_single_mutations_is_detected() -> None:
    """What the trail is for: nobody changes what happened without being found out."""
    chance = random.Random(20261121)  # noqa: S311 - a test that can be repeated
    kinds: Counter[str] = Counter()
    for number in range(MUTATIONS):
        whole = EXPORT if number % 3 else SEGMENT
        mutate = chance.choice(MUTATIONS_OF) if number % 2 else flip_bit
        harmed = b"".join(mutate(whole.splitlines(keepends=True), chance))
        if harmed == whole:
            continue
        finding = verify_export(opened(harmed), trusted=TRUSTED)
        assert finding.bad is not None, (number, mutate.__name__)
        kinds[finding.bad.kind] += 1
    assert sum(kinds.values()) > MUTATIONS * 0.98
    assert {"edit", "delete", "insert", "reorder", "fork", "truncation", "rewritten", "unknown_key"} <= set(
        kinds
    )


def lines() -> list[bytes]:
    return EXPORT.splitlines(keepends=True)


def harmed(change: Callable[[list[bytes]], object]) -> bytes:
    found = lines()
    change(found)
    return b"".join(found)


def fork_of(seq: int) -> bytes:
    sealed = seal(an_entry(777), seq, ROWS[seq - 2][1])
    return line_of((seq, sealed.hash, sealed.data))


def rehashed(seq: int) -> bytes:
    data = edited(ROWS[seq - 1][2], random.Random(1))  # noqa: S311
    return line_of((seq, record_hash(data), data))


def reversed_record(seq: int) -> bytes:
    """The same JSON, keys in another order; the hash of the original."""
    found = dict(reversed(json.loads(ROWS[seq - 1][2]).items()))
    data = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
    return line_of((seq, ROWS[seq - 1][1], data))


def put(at: int, line: bytes) -> Callable[[list[bytes]], object]:
    return lambda found: found.__setitem__(at, line)


@pytest.mark.parametrize(
    ("export", "seq", "kind"),
    [
        (harmed(put(7, lines()[7].replace(b"load test", b"load-test"))), 7, "edit"),
        (harmed(put(7, reversed_record(7))), 7, "edit"),
        (harmed(put(7, rehashed(7))), 7, "edit"),
        (harmed(put(24, rehashed(24))), 24, "rewritten"),
        (harmed(put(7, line_of((7, "0" * 64, ROWS[6][2])))), 7, "edit"),
        (harmed(lambda found: found.pop(7)), 7, "delete"),
        (harmed(lambda found: found.pop(1)), 1, "delete"),
        (harmed(lambda found: found.pop(24)), 24, "delete"),
        (harmed(lambda found: found.insert(8, found[7])), 7, "insert"),
        (harmed(lambda found: found.insert(8, fork_of(20))), 8, "insert"),
        (harmed(lambda found: found.insert(7, found.pop(12))), 7, "reorder"),
        (harmed(lambda found: found.insert(12, found.pop(7))), 7, "reorder"),
        (harmed(lambda found: found.insert(1, found.pop(2))), 1, "reorder"),
        (harmed(lambda found: found.insert(8, fork_of(7))), 7, "fork"),
        (harmed(lambda found: found.insert(7, fork_of(7))), 7, "fork"),
        (harmed(lambda found: found.pop()), 25, "truncation"),
        (harmed(lambda found: found.__delitem__(slice(18, None))), 18, "truncation"),
        (harmed(lambda found: found.__delitem__(slice(18, 25))), 18, "delete"),
        (harmed(put(25, checkpoint_at(ROWS[23], key=STRANGER).line + b"\n")), 24, "unknown_key"),
        (harmed(lambda found: found.append(found[-1])), 25, "insert"),
        (harmed(put(0, lines()[0].replace(STORE.encode(), b"0badcafe" * 4))), 1, "origin"),
        (harmed(put(0, b"{}\n")), 0, "edit"),
    ],
    # The bytes hold signatures, and every process that shares the tests out must name them alike.
    ids=lambda given: "export" if isinstance(given, bytes) else str(given),
)
def test_the_first_bad_record_is_named_and_what_was_done_to_it(export: bytes, seq: int, kind: str) -> None:
    """Whoever reads the finding has to know where to look, and what for."""
    finding = verify_export(opened(export), trusted=TRUSTED)
    assert finding.bad is not None
    assert (finding.bad.seq, finding.bad.kind) == (seq, kind), finding.sentence
    assert finding.sentence.endswith(".")


def test_a_good_export_is_good() -> None:
    """A check that always fails would pass every test above."""
    for export in (EXPORT, SEGMENT, exported([])):
        finding = verify_export(opened(export), trusted=TRUSTED)
        assert finding.ok, finding.sentence
    assert (
        verify_export(opened(EXPORT), trusted=TRUSTED).sentence
        == "Records 1 to 24 hold (24), all of them signed."
    )
    assert KEY.key_id in TRUSTED
